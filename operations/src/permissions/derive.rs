//! All users of a catalogue.

use super::user::User;
use super::{operators, service};
use crate::landscape::Landscape;

/// All users, services first, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The users.
    pub users: Vec<User>,
}

impl Permissions {
    /// The permissions that a catalogue needs.
    pub fn of(landscape: &Landscape) -> Self {
        let services = landscape.services.iter().map(|own| service::user(landscape, own));
        Self { users: services.chain(operators::users(landscape)).collect() }
    }

    /// The user of a name: a service, or else an operator; `operators/NAME` is always the latter.
    pub fn user(&self, name: &str) -> Option<&User> {
        let by_path = self.users.iter().find(|user| user.path() == name);
        by_path.or_else(|| self.users.iter().find(|user| user.name == name))
    }
}
