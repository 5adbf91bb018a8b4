//! What a change of a catalogue opens and closes.

use std::collections::BTreeSet;

use super::derive::Permissions;
use super::user::{Grant, User, Verb};
use crate::subject::covers;

/// A permission that was not there before, or is there no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The user, `services/promotions`.
    pub user: String,
    /// What it may do now, or could.
    pub verb: Verb,
    /// The permission: that of now where it was opened, that of before where it was closed.
    pub grant: Grant,
    /// Whether it was opened.
    pub is_opened: bool,
}

impl Permissions {
    /// What these permissions open and close, compared with those of before, user by user.
    pub fn differences(&self, before: &Self) -> Vec<Difference> {
        let paths: BTreeSet<String> = self.users.iter().chain(&before.users).map(User::path).collect();
        paths.iter().flat_map(|path| of_user(path, before.by_path(path), self.by_path(path))).collect()
    }

    fn by_path(&self, path: &str) -> Option<&User> {
        self.users.iter().find(|user| user.path() == path)
    }
}

fn of_user(path: &str, before: Option<&User>, now: Option<&User>) -> Vec<Difference> {
    let mut found = Vec::new();
    for verb in Verb::ALL {
        let (was, is) = (grants(before, verb), grants(now, verb));
        for (is_opened, some, others) in [(true, is, was), (false, was, is)] {
            // What a wider permission gives already is no difference.
            let is_new = |grant: &&Grant| !others.iter().any(|other| covers(&other.subject, &grant.subject));
            found.extend(some.iter().filter(is_new).map(|grant| Difference {
                user: path.to_owned(),
                verb,
                grant: (*grant).clone(),
                is_opened,
            }));
        }
    }
    let (was, is) = (before.and_then(|user| user.answers.as_ref()), now.and_then(|user| user.answers.as_ref()));
    let answers = match (was, is) {
        (None, Some(grant)) => Some((grant, true)),
        (Some(grant), None) => Some((grant, false)),
        _ => None,
    };
    found.extend(answers.map(|(grant, is_opened)| Difference {
        user: path.to_owned(),
        verb: Verb::Publish,
        grant: grant.clone(),
        is_opened,
    }));
    // What is no longer taken away is open.
    let (was, is) = (denied(before), denied(now));
    let gone = was.iter().filter(|grant| !is.iter().any(|other| covers(&other.subject, &grant.subject)));
    let still = gone.filter(|grant| now.is_some_and(|now| now.may(Verb::Publish, &grant.subject)));
    found.extend(still.map(|grant| Difference {
        user: path.to_owned(),
        verb: Verb::Publish,
        grant: (*grant).clone(),
        is_opened: true,
    }));
    found
}

fn grants(user: Option<&User>, verb: Verb) -> &[Grant] {
    match (user, verb) {
        (None, _) => &[],
        (Some(user), Verb::Publish) => &user.publish,
        (Some(user), Verb::Subscribe) => &user.subscribe,
    }
}

fn denied(user: Option<&User>) -> &[Grant] {
    user.map_or(&[], |user| &user.publish_denied)
}
