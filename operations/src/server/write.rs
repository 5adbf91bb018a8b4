//! The text of a configuration, by a template.

use handlebars::Handlebars;
use serde::Serialize;
use serde_json::{Value, json};

use super::options::{Node, Options, Problem, SYSTEM, USERS_FILE, WRITTEN};
use super::room::Room;
use crate::file::File;
use crate::permissions::{Grant, Permissions, User};

const NODE: &str = include_str!("../../templates/server.conf.hbs");
const USERS: &str = include_str!("../../templates/users.conf.hbs");

handlebars::handlebars_helper!(quoted: |text: Json| text.to_string());

#[derive(Serialize)]
struct Allowed<'a> {
    subject: &'a str,
    reason: &'a str,
}

/// The file of users, which every node includes.
pub(super) fn users(permissions: &Permissions, options: &Options) -> Result<File, Vec<Problem>> {
    let users: Vec<Value> = permissions.users.iter().flat_map(|user| entries(user, options)).collect();
    let data = json!({
        "written": WRITTEN,
        "command": one_line(&options.command),
        "system": options.keys.get(SYSTEM),
        "users": users,
    });
    Ok(File { path: USERS_FILE.to_owned(), text: render(USERS, &data)? })
}

/// The configuration of one node.
pub(super) fn file(options: &Options, node: &Node, room: &Room) -> Result<File, Vec<Problem>> {
    Ok(File { path: format!("{}.conf", node.name), text: render(NODE, &data(options, node, room))? })
}

fn render(template: &str, data: &Value) -> Result<String, Vec<Problem>> {
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(handlebars::no_escape);
    handlebars.set_strict_mode(false);
    handlebars.register_helper("json", Box::new(quoted));
    handlebars.render_template(template, data).map_err(|error| {
        let help = "report it, with the catalogue".to_owned();
        vec![Problem { message: format!("the configuration cannot be written: {error}"), help }]
    })
}

fn data(options: &Options, node: &Node, room: &Room) -> Value {
    let tls = |file: String| format!("{}/{file}", options.tls.trim_end_matches('/'));
    let is_cluster = options.nodes.len() > 1;
    let routes: Vec<String> =
        options.nodes.iter().map(|node| format!("tls://{}:{}", node.host, node.route_port)).collect();
    let (interval, why) = match &options.sync {
        Some(interval) => (interval.as_str(), "Chosen by whoever wrote this."),
        None if is_cluster => {
            ("5s", "With copies on other nodes it bounds what a common loss of power costs to five seconds.")
        }
        None => ("always", "There is no copy elsewhere: every write waits for the disk."),
    };
    json!({
        "written": WRITTEN,
        "command": one_line(&options.command),
        "node": {
            "name": node.name,
            "listen": format!("0.0.0.0:{}", node.client_port),
            "monitor": format!("127.0.0.1:{}", node.monitor_port),
            "route_listen": format!("0.0.0.0:{}", node.route_port),
            "certificate": tls(format!("{}.crt", node.name)),
            "key": tls(format!("{}.key", node.name)),
            "route_certificate": tls(format!("{}.route.crt", node.name)),
            "route_key": tls(format!("{}.route.key", node.name)),
        },
        "store": options.store,
        "room": room,
        "sync": { "interval": interval, "why": why },
        "max_payload": options.max_payload,
        "max_connections": options.max_connections,
        "max_subscriptions": options.max_subscriptions,
        "lame_duck": options.lame_duck,
        "log_file": options.log_file,
        "cluster": is_cluster.then(|| json!({
            "name": options.cluster,
            "routes": routes,
            "authority": tls("route-ca.crt".to_owned()),
        })),
    })
}

/// A user, once for each key that is accepted.
fn entries(user: &User, options: &Options) -> Vec<Value> {
    let keys = options.keys.get(&user.path()).map(Vec::as_slice).unwrap_or_default();
    let entry = |key: &String| {
        json!({
            "path": user.path(),
            "purpose": one_line(&user.purpose),
            "nkey": key,
            "publish": allowed(&user.publish),
            "publish_denied": allowed(&user.publish_denied),
            "subscribe": allowed(&user.subscribe),
            "answers": user.answers.as_ref().map(|grant| json!({ "reason": grant.reason })),
        })
    };
    keys.iter().map(entry).collect()
}

fn allowed(grants: &[Grant]) -> Vec<Allowed<'_>> {
    grants.iter().map(|Grant { subject, reason, .. }| Allowed { subject, reason }).collect()
}

/// What stands in a comment must not end it.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
