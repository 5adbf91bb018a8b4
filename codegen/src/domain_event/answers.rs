//! What a struct that is a request is answered with: the types that the attribute names.

use proc_macro2::TokenStream;
use quote::quote;

use crate::emit::event_impl::{Answer, answers};
use crate::model::{Event, Version, VersionPart};

use super::args::Args;
use super::errors::Errors;

/// The types that a request is answered with, as far as the attribute names them. It must name those of all files that there
/// are, and no others; events and documents are not answered.
pub(super) fn answer(args: &Args, event: &Event, version: &Version, errors: &mut Errors) -> Option<Answer> {
    if !event.kind.is_request() {
        for part in VersionPart::ANSWERS {
            let Some(path) = args.answer(part) else { continue };
            let word = part.as_str();
            let message =
                format!("{} is {}, which has no {word}; remove `{word}`", event.event_type, event.kind.described());
            errors.at(path, message);
        }
        return None;
    }
    let mut named = |part: VersionPart| {
        let word = part.as_str();
        match (version.part(part), args.answer(part)) {
            (Some(_), Some(path)) => Some(quote!(#path)),
            (Some(file), None) => {
                errors.at(&args.event_type, unnamed(event, version, part, file));
                None
            }
            (None, Some(path)) => {
                let file = file_of(version, part);
                errors.at(path, format!("the catalogue has no {file}; remove `{word}`, or add the file"));
                None
            }
            (None, None) => None,
        }
    };
    Some(Answer { reply: named(VersionPart::Reply), error: named(VersionPart::Error) })
}

fn unnamed(event: &Event, version: &Version, part: VersionPart, file: &str) -> String {
    let (event_type, number, word) = (&event.event_type, version.number, part.as_str());
    format!(
        "{file} describes the {word} of {event_type}; name its type, which implements `Reply`: #[domain_event({event_type:?}, \
         version = {number}, {word} = ..)]; it is generated, or a struct with #[domain_event({event_type:?}, version = {number}, \
         part = {word:?})]"
    )
}

/// The path that the file of a part would have.
pub(super) fn file_of(version: &Version, part: VersionPart) -> String {
    let stem = version.file.strip_suffix(".json").unwrap_or(&version.file);
    format!("{stem}.{}.json", part.as_str())
}

/// The check that the types are what the request is answered with.
pub(super) fn assertions(args: &Args, event: &Event, version: &Version) -> TokenStream {
    let (reply, check) = (args.runtime.item("Reply"), args.runtime.internal("assert_answers"));
    let checks = VersionPart::ANSWERS.into_iter().filter_map(|part| {
        let (_, path) = (version.part(part)?, args.answer(part)?);
        let (described, number) = answers(event, version, part);
        Some(quote!(const _: () = #check(<#path as #reply>::ANSWERS, (#described, #number));))
    });
    checks.collect()
}

/// Reports what the attribute says of an answer that only a request can have.
pub(super) fn report_arguments_of_requests(args: &Args, errors: &mut Errors) {
    let word = args.part.as_str();
    for part in VersionPart::ANSWERS {
        if let Some(path) = args.answer(part) {
            let name = part.as_str();
            errors.at(path, format!("the struct is the {word} of a request, which is not answered; remove `{name}`"));
        }
    }
    if let Some(older) = &args.older {
        errors.at(older, format!("the {word} of a request is read in its own version only; remove `older`"));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proc_macro2::TokenStream;
    use quote::quote;
    use tempfile::TempDir;

    use super::super::{Site, domain_event};

    const FILES: &[(&str, &str)] = &[
        ("eventsmith.toml", "root = \"rules\"\n"),
        ("query/rule/get.v1.json", ID),
        ("query/rule/get.v1.reply.json", ID),
        ("query/rule/get.v1.error.json", ID),
        ("command/rule/archive.v1.json", ID),
        ("domain/rule/archived.v1.json", ID),
    ];
    const ID: &str = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}"#;

    fn catalogue() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in FILES {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    /// What becomes of a struct with the one field of all these schemas.
    fn expanded(args: TokenStream) -> String {
        let dir = catalogue();
        let site = Site { crate_dir: dir.path(), source_file: None };
        let item = quote!(
            struct Bound {
                id: String,
            }
        );
        domain_event(args, item, site).to_string()
    }

    fn refused(args: TokenStream, messages: &[&str]) {
        let text = expanded(args);
        assert_eq!(text.matches("compile_error").count(), messages.len(), "{text}");
        for message in messages {
            assert!(text.contains(message), "{message}: {text}");
        }
    }

    #[test]
    fn a_request_has_the_answers_that_the_attribute_names() {
        let text = expanded(quote!("rule.get", version = 1, reply = Found, error = Missing));

        assert!(!text.contains("compile_error"), "{text}");
        assert!(text.contains("type Reply = Found ; type Error = Missing ;"), "{text}");
        for (path, part) in [("Found", "reply"), ("Missing", "error")] {
            let check = format!("(< {path} as :: eventsmith :: Reply > :: ANSWERS , (\"rule.get.{part}\" , 1))");
            assert!(text.contains(&check), "{text}");
        }
        assert!(text.contains("assert_request_agrees"), "{text}");
    }

    #[test]
    fn a_request_without_files_is_answered_with_nothing_and_cannot_be_refused() {
        let text = expanded(quote!("rule.archive", version = 1));

        assert!(!text.contains("compile_error"), "{text}");
        assert!(text.contains("type Reply = :: eventsmith :: NoReply ;"), "{text}");
        assert!(text.contains("type Error = :: eventsmith :: NoRefusal ;"), "{text}");
    }

    #[test]
    fn a_struct_that_is_an_answer_implements_reply_and_is_tested() {
        let text = expanded(quote!("rule.get", version = 1, part = "error"));

        assert!(!text.contains("compile_error"), "{text}");
        assert!(text.contains("impl :: eventsmith :: Reply for Bound"), "{text}");
        assert!(text.contains("reply_payload ! (Bound , validator , \"rule.get.error\" , 1)"), "{text}");
        assert!(text.contains("(bound_agrees_with_its_schema , Bound , assert_reply_agrees)"), "{text}");
        assert!(text.contains("get.v1.error.json"), "{text}");
    }

    #[test]
    fn a_struct_may_be_both_a_request_and_an_answer() {
        let dir = catalogue();
        let site = Site { crate_dir: dir.path(), source_file: None };
        let first = quote!(
            #[domain_event("rule.get", version = 1, part = "error")]
            struct Bound {
                id: String,
            }
        );
        let text = domain_event(quote!("rule.archived", version = 1), first, site).to_string();

        assert!(text.contains("bound_agrees_with_its_schema_domain_rule_archived_v1"), "{text}");
        assert!(!text.contains("stands_in_a_function"), "the last attribute says it: {text}");
    }

    #[test]
    fn whatever_is_not_named_or_not_there_is_told_at_the_attribute() {
        refused(
            quote!("rule.get", version = 1, reply = Found),
            &["query/rule/get.v1.error.json describes the error of rule.get; name its type"],
        );
        refused(
            quote!("rule.archive", version = 1, reply = Done),
            &["the catalogue has no command/rule/archive.v1.reply.json; remove `reply`, or add the file"],
        );
        refused(
            quote!("rule.archived", version = 1, error = Refused),
            &["rule.archived is a domain event, which has no error; remove `error`"],
        );
        refused(
            quote!("rule.archive", version = 1, part = "reply"),
            &["the catalogue does not describe the reply of rule.archive v1; add command/rule/archive.v1.reply.json"],
        );
        refused(
            quote!("rule.archived", version = 1, part = "reply"),
            &["the catalogue does not describe the reply of rule.archived v1; only commands and queries have one"],
        );
        refused(
            quote!("rule.get", version = 1, part = "reply", error = Missing, older = none),
            &[
                "the struct is the reply of a request, which is not answered; remove `error`",
                "the reply of a request is read in its own version only; remove `older`",
            ],
        );
    }
}
