//! What a change of a catalogue opens and closes.

use std::collections::BTreeSet;

use super::derive::Permissions;
use super::reached::{delivered, readable};
use super::user::{Grant, User, Verb};
use crate::landscape::Landscape;
use crate::subject::covers;

/// A permission that was not there before, or is there no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The user, `services/promotions`.
    pub user: String,
    /// What it may do now, or could.
    pub access: Access,
    /// The permission: that of now where it was opened, that of before where it was closed.
    pub grant: Grant,
    /// Whether it was opened.
    pub is_opened: bool,
}

/// How a user comes by something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// By a permission that names it.
    Permission(Verb),
    /// By its durable consumer, whose filters name it.
    Delivery,
    /// By reading single messages of a stream that captures it.
    Reading,
}

impl Access {
    /// What it may do: `publish to`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permission(verb) => verb.as_str(),
            Self::Delivery => "receive",
            Self::Reading => "read",
        }
    }
}

/// What reaches a user, each with the stream that it is in.
type Reached = fn(&Landscape, Option<&User>) -> Vec<(String, Grant)>;

impl Permissions {
    /// What a catalogue opens and closes, compared with that of before, user by user: permissions, and what reaches users whose permissions
    /// stay, as filters of their consumers and subjects of streams have changed.
    pub fn compared(now: &Landscape, before: &Landscape) -> Vec<Difference> {
        let (is, was) = (Self::of(now), Self::of(before));
        let mut all = is.differences(&was);
        for user in is.users.iter().chain(&was.users).map(User::path).collect::<BTreeSet<_>>() {
            for (access, of) in [(Access::Delivery, delivered as Reached), (Access::Reading, readable)] {
                let (is, was) = (of(now, is.by_path(&user)), of(before, was.by_path(&user)));
                for (is_opened, some, others) in [(true, &is, &was), (false, &was, &is)] {
                    // What somebody newly reads of a stream at all is told by the permission for that.
                    let is_told = |stream: &str| !others.iter().any(|(other, _)| other == stream);
                    let is_new =
                        |grant: &Grant| !others.iter().any(|(_, other)| covers(&other.subject, &grant.subject));
                    let found = some.iter().filter(|(_, grant)| is_new(grant));
                    let found = found.filter(|(stream, _)| access == Access::Delivery || !is_told(stream));
                    all.extend(found.map(|(_, grant)| Difference {
                        user: user.clone(),
                        access,
                        grant: grant.clone(),
                        is_opened,
                    }));
                }
            }
        }
        all.sort_by(|one, other| one.user.cmp(&other.user));
        all
    }

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
                access: Access::Permission(verb),
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
        access: Access::Permission(Verb::Publish),
        grant: grant.clone(),
        is_opened,
    }));
    // What is no longer taken away is open.
    let (was, is) = (denied(before), denied(now));
    let gone = was.iter().filter(|grant| !is.iter().any(|other| covers(&other.subject, &grant.subject)));
    let still = gone.filter(|grant| now.is_some_and(|now| now.may(Verb::Publish, &grant.subject)));
    found.extend(still.map(|grant| Difference {
        user: path.to_owned(),
        access: Access::Permission(Verb::Publish),
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
