//! `eventsmith server keys`: keys of users and certificates of servers, for development.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use eventsmith_operations::permissions::Permissions;
use eventsmith_operations::server::SYSTEM;
use nkeys::KeyPair;

use super::authority::Authority;
use super::files::{lines, make_folder, write_public, write_secret};
use super::options::{Nodes, looked_at};
use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::output::{counted, note};

/// Make the keys of all users and the certificates of all servers, for development; rotate them
///
/// Below DIR: PATH.nk is the secret of a user (the setting `nkey_seed_file`), PATH.pub its public keys; tls has ca.crt, which clients trust
/// (`tls_ca_file`), and the certificates of servers. What is there stays. Production brings its own: public keys of seeds that never left
/// where they are used, and certificates of its own authority under the same names.
#[derive(Args)]
pub(super) struct Keys {
    #[command(flatten)]
    schemas: Schemas,
    #[command(flatten)]
    nodes: Nodes,
    /// The folder to write to, which is made if need be
    #[arg(long, value_name = "DIR", default_value = "keys")]
    out: PathBuf,
    /// Give a user another key beside the one that it has, which is still let in: services/promotions, or all
    #[arg(long, value_name = "USER")]
    rotate: Vec<String>,
    /// Let only the newest key of a user in, once its programs have that: services/promotions, or all
    #[arg(long, value_name = "USER", conflicts_with = "rotate")]
    retire: Vec<String>,
    /// Give a user another key and let no other in, at once: a key was stolen. services/promotions, or all
    #[arg(long, value_name = "USER", conflicts_with_all = ["rotate", "retire"])]
    revoke: Vec<String>,
    /// Make new certificates of the servers, of the same authority
    #[arg(long)]
    certificates: bool,
}

impl Keys {
    pub(super) fn run(&self) -> anyhow::Result<ExitStatus> {
        let (_, landscape) = looked_at(&self.schemas, None)?;
        let users: Vec<String> =
            Permissions::of(&landscape).users.iter().map(|user| user.path()).chain([SYSTEM.to_owned()]).collect();
        for named in self.rotate.iter().chain(&self.retire).chain(&self.revoke).filter(|named| *named != "all") {
            if !users.contains(named) {
                bail!("there is no user {named}; users are {}", users.join(", "));
            }
        }
        let is_named = |all: &[String], user: &String| all.iter().any(|named| named == "all" || named == user);
        for folder in [self.out.clone(), self.out.join("services"), self.out.join("operators"), self.out.join("tls")] {
            make_folder(&folder)?;
        }
        let (mut made, mut rotated, mut retired, mut revoked) = (0, 0, 0, 0);
        for user in &users {
            let [seed, public] = ["nk", "pub"].map(|end| self.out.join(format!("{user}.{end}")));
            let known = lines(&public)?;
            if is_named(&self.revoke, user) && !known.is_empty() {
                make(&seed, &public, &[])?;
                revoked += known.len();
            } else if known.is_empty() || is_named(&self.rotate, user) {
                make(&seed, &public, &known)?;
                *if known.is_empty() { &mut made } else { &mut rotated } += 1;
            } else if is_named(&self.retire, user) && known.len() > 1 {
                write_public(&public, &format!("{}\n", known[0]))?;
                retired += 1;
            }
        }
        let authority = Authority::new(&self.out.join("tls"));
        let certificates = authority.certify(&self.nodes.of(&landscape.root)?, self.certificates)?;
        note(format_args!(
            "{} made, {rotated} rotated, {retired} retired, {revoked} revoked, {} below {}; for development: in production let each program make its seed \
             where it runs, and bring certificates of an authority of your own",
            counted(made, "key"),
            counted(certificates, "certificate"),
            self.out.display()
        ));
        if rotated + retired + revoked > 0 {
            note(format_args!(
                "now write the users anew (eventsmith server config --users) and let the servers read them: nats-server --signal reload"
            ));
        }
        Ok(ExitStatus::Clean)
    }
}

/// Makes a key. The public half first: a server that lets in what nobody has is safe, a program with a key that no server knows is not let in.
fn make(seed: &Path, public: &Path, known: &[String]) -> anyhow::Result<()> {
    let pair = KeyPair::new_user();
    let secret = pair.seed().context("a key cannot be made")?;
    // No more than two are let in: the newest, and the one that programs still have.
    let kept = known.first().map_or_else(String::new, |before| format!("{before}\n"));
    write_public(public, &format!("{}\n{kept}", pair.public_key()))?;
    write_secret(seed, &format!("{secret}\n"))
}
