//! Answers to requests to the JetStream API.

use async_nats::Message;
use serde_json::{Value, json};

use super::consumer::{Consumer, PullRequest, Sent, status};
use super::stream::{Stream, error};
use super::{DEAD, Server, plain};
use crate::clock::{Time, text};

impl Server {
    /// The answer to a request, unless it comes later or never.
    pub(super) fn answer(
        &mut self,
        call: &str,
        payload: &[u8],
        reply: String,
        process: usize,
        now: Time,
    ) -> Option<(String, Message)> {
        if call.starts_with("CONSUMER.MSG.NEXT.") {
            return self.pull(call.rsplit('.').next().unwrap_or_default(), payload, reply, process, now);
        }
        if self.is_silent {
            return None;
        }
        if self.is_dead_silent && call.starts_with("STREAM.") && call.ends_with(DEAD) {
            return None;
        }
        let request: Value = serde_json::from_slice(payload).unwrap_or_default();
        let mut tokens = call.split('.');
        let kind = [tokens.next(), tokens.next()].map(Option::unwrap_or_default);
        let answer = match kind {
            ["STREAM", "NAMES"] => self.names(request["subject"].as_str().unwrap_or_default()),
            ["STREAM", "INFO"] => self.on_stream(tokens.next(), |stream| stream.info(&request, now)),
            ["STREAM", "MSG"] => match (tokens.next(), tokens.next()) {
                (Some("GET"), stream) => self.on_stream(stream, |stream| stream.get(&request)),
                (_, stream) => self.on_stream(stream, |stream| stream.delete(request["seq"].as_u64().unwrap_or(0))),
            },
            ["CONSUMER", "INFO"] => {
                let name = tokens.nth(1).unwrap_or_default();
                return Some(plain(&reply, self.consumer_info(name, now).into()));
            }
            ["CONSUMER", "UNPIN"] => match &mut self.consumer {
                Some(consumer) => {
                    consumer.unpin();
                    *self.unpins.entry(process).or_default() += 1;
                    json!({})
                }
                None => error(404, 10014, "consumer not found"),
            },
            _ => error(400, 10025, "bad request"),
        };
        Some(plain(&reply, answer.to_string().into()))
    }

    fn pull(&mut self, name: &str, payload: &[u8], reply: String, process: usize, now: Time) -> Option<Sent> {
        let mut all = self.consumer.iter_mut().chain(&mut self.of_sagas);
        let Some(consumer) = all.find(|consumer| consumer.name == name).filter(|_| !self.is_silent) else {
            return Some(status(&reply, 503, "No Responders", None));
        };
        let request = serde_json::from_slice::<PullRequest>(payload).ok()?;
        let mut sent = Vec::new();
        consumer.pull(&request, reply, process, now, &mut sent);
        sent.pop()
    }

    fn names(&self, subject: &str) -> Value {
        let names: Vec<&str> = self.streams.values().filter(|it| it.captures(subject)).map(|it| it.name).collect();
        json!({ "streams": names })
    }

    fn on_stream(&mut self, name: Option<&str>, answer: impl FnOnce(&mut Stream) -> Value) -> Value {
        match name.and_then(|name| self.streams.get_mut(name)) {
            Some(stream) => answer(stream),
            None => error(404, 10059, "stream not found"),
        }
    }

    /// What is asked for most, so that it is written as text at once.
    fn consumer_info(&self, name: &str, now: Time) -> String {
        let mut all = self.consumer.iter().chain(&self.of_sagas);
        let Some(consumer) = all.find(|consumer| consumer.name == name) else {
            return error(404, 10014, "consumer not found").to_string();
        };
        let Consumer { name, ack_wait, max_deliver, max_ack_pending, deliveries, delivered, .. } = consumer;
        let (created, floor, pending) = (text(consumer.created), consumer.floor(), consumer.pending.len());
        let priority = match consumer.ordered {
            true => {
                r#","priority_groups":["eventsmith"],"priority_policy":"pinned_client","priority_timeout":6000000000"#
            }
            false => "",
        };
        let filters: Vec<String> = consumer.filters.iter().map(|filter| format!("\"{filter}\"")).collect();
        let filters = filters.join(",");
        // Without a limit it is -1.
        let max_deliver = i64::try_from(*max_deliver).unwrap_or(-1);
        let behind = self.streams.get(consumer.stream).map_or(0, |stream| stream.last).saturating_sub(*delivered);
        let groups = consumer.pinned().map_or_else(String::new, |(id, since)| {
            let since = text(since);
            format!(r#"{{"group":"eventsmith","pinned_client_id":"{id}","pinned_ts":"{since}"}}"#)
        });
        format!(
            r#"{{"name":"{name}","created":"{created}","config":{{"durable_name":"{name}","name":"{name}","ack_policy":"explicit","#
        ) + &format!(r#""ack_wait":{ack_wait}000000,"max_deliver":{max_deliver},"max_ack_pending":{max_ack_pending},"#)
            + &format!(
                r#""filter_subjects":[{filters}],"deliver_policy":"all"{priority}}},"num_pending":{behind},"num_ack_pending":{pending},"#
            )
            + &format!(
                r#""delivered":{{"consumer_seq":{deliveries},"stream_seq":{delivered}}},"ack_floor":{{"consumer_seq":0,"stream_seq":{floor}}},"#
            )
            + &format!(r#""num_waiting":{},"ts":"{}","priority_groups":[{groups}]}}"#, consumer.waiting(), text(now))
    }
}
