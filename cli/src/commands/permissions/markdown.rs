//! What a change opens and closes, for whoever reviews it: by user, and by what of the catalogue is the cause.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use eventsmith_operations::permissions::Difference;

use super::because::because;

/// As many subjects of one cause are shown; more are counted.
const MOST: usize = 12;

/// The text.
pub(super) fn text(differences: &[Difference], manifest: &str, against: &str) -> String {
    let opened = differences.iter().filter(|difference| difference.is_opened).count();
    let mut text = format!(
        "### Permissions, compared with `{}`\n\n{opened} opened, {} closed.\n",
        inline(against),
        differences.len() - opened
    );
    let mut users: BTreeMap<&str, Vec<&Difference>> = BTreeMap::new();
    for difference in differences {
        users.entry(&difference.user).or_default().push(difference);
    }
    for (user, all) in users {
        let _ = write!(text, "\n**{}**\n\n| | because | what |\n|---|---|---|\n", inline(user));
        for ((is_closed, cause), some) in causes(&all, manifest) {
            let sign = if is_closed { "closes" } else { "**opens**" };
            let shown = some.iter().take(MOST);
            let what: Vec<String> = shown
                .map(|one| format!("{} `{}`", one.access.as_str(), inline(&one.grant.subject)))
                .chain((some.len() > MOST).then(|| format!("and {} more", some.len() - MOST)))
                .collect();
            let _ = writeln!(text, "| {sign} | {} | {} |", cell(&cause), what.join("<br>"));
        }
    }
    text
}

/// What follows from one line of the catalogue belongs together. What is opened comes first.
fn causes<'a>(all: &[&'a Difference], manifest: &str) -> BTreeMap<(bool, String), Vec<&'a Difference>> {
    let mut causes: BTreeMap<(bool, String), Vec<&Difference>> = BTreeMap::new();
    for difference in all {
        let grant = &difference.grant;
        // What was closed stands in a file that is no more.
        let cause = if difference.is_opened { because(grant, manifest) } else { grant.reason.clone() };
        causes.entry((!difference.is_opened, cause)).or_default().push(difference);
    }
    causes
}

/// What stands between backticks must not end there, nor the row of a table.
fn inline(text: &str) -> String {
    text.replace('`', "'").replace('|', "\\|")
}

/// Text of a catalogue is text.
fn cell(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|");
    text.replace('`', "\\`").replace('*', "\\*").replace('[', "\\[")
}

#[cfg(test)]
mod tests {
    use eventsmith_operations::permissions::{Access, Grant, Verb};

    use super::*;

    #[test]
    fn what_one_line_opens_stands_in_one_row_and_is_no_markup() {
        let one = |subject: &str, is_opened: bool| Difference {
            user: "services/mail".into(),
            access: Access::Permission(Verb::Publish),
            grant: Grant { subject: subject.into(), reason: "it publishes <b>|x".into(), line: Some(7) },
            is_opened,
        };

        let text = text(&[one("shop.a", true), one("shop.b", true), one("shop.c", false)], "eventsmith.toml", "main");

        assert!(text.contains("2 opened, 1 closed"), "{text}");
        assert!(text.contains(
            "| **opens** | it publishes &lt;b>\\|x, eventsmith.toml:7 | publish `shop.a`<br>publish `shop.b` |\n"
        ));
        assert!(text.contains("| closes | it publishes &lt;b>\\|x | publish `shop.c` |"), "{text}");
    }
}
