//! The aggregates of the rules engine: the examples of their events make histories, and their snapshots restore.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::{AggregateEvents, Discard, StreamDescriptor};
use eventsmith::state::{Aggregate, Aggregates, Snapshots};
use eventsmith::{Bus, PublishError, State};
use rules_events::aggregates::{CouponEvent, LoyaltyEvent, PaymentEvent, PromotionEvent, RuleEvent};
use rules_events::coupon::CouponSnapshot;
use rules_events::loyalty::LoyaltySnapshot;
use rules_events::payment::PaymentSnapshot;
use rules_events::promotion::PromotionSnapshot;
use rules_events::rule::RuleSnapshot;
use rules_events::{BUCKETS, STREAMS};
use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What events make of any of them: how many were applied here, and one of the examples of its snapshot.
struct Example<E, S, const INDEX: usize> {
    applied: u64,
    snapshot: Option<S>,
    events: PhantomData<fn() -> E>,
}

impl<E, S, const INDEX: usize> Default for Example<E, S, INDEX> {
    fn default() -> Self {
        Self { applied: 0, snapshot: None, events: PhantomData }
    }
}

impl<E: AggregateEvents, S: State + Clone, const INDEX: usize> Aggregate for Example<E, S, INDEX> {
    type Event = E;

    fn apply(&mut self, _: &E) {
        self.applied += 1;
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        let restore = |document| Self { snapshot: Some(document), ..Self::default() };
        Some(Snapshots::every(1, |_| documents::<S>().swap_remove(INDEX), restore))
    }
}

fn examples(schema: &str) -> Vec<Value> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    schema["examples"].as_array().unwrap().clone()
}

fn documents<S: State>() -> Vec<S> {
    let decode = |example: Value| S::decode(S::VERSION, example.to_string().as_bytes()).unwrap();
    examples(S::SCHEMA).into_iter().map(decode).collect()
}

/// Every example of every version of the events, under the id of its aggregate.
fn events<E: AggregateEvents>() -> Vec<(String, E)> {
    let of_version = E::EVENTS.iter().flat_map(|event| {
        let pointer = event.key.unwrap();
        examples(event.schema).into_iter().map(move |example| {
            let id = example.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
            let decoded = E::decode(event.event_type, event.version, example.to_string().as_bytes());
            (id, decoded.unwrap().unwrap())
        })
    });
    of_version.collect()
}

/// A bus with that stream, and with all buckets.
async fn bus(stream: &str) -> Outcome<(Bus, StreamDescriptor)> {
    let bus = Bus::in_memory();
    let stream = *STREAMS.iter().find(|known| known.name == stream).ok_or("there is no such stream")?;
    bus.provision(&[stream]).await?;
    bus.provision(BUCKETS).await?;
    Ok((bus, stream))
}

async fn its_examples_make_histories<E, S>(stream: &str) -> Outcome
where
    E: AggregateEvents + Clone + PartialEq + Debug,
    S: State + Clone,
{
    let (bus, stream) = bus(stream).await?;
    let aggregates = Aggregates::of(&bus);
    let mut expected: BTreeMap<String, Vec<E>> = BTreeMap::new();
    for (id, event) in events::<E>() {
        aggregates.execute(&id, |_: &Example<E, S, 0>| Ok::<_, String>(vec![event.clone()])).await?;
        expected.entry(id).or_default().push(event);
    }

    for (id, events) in &expected {
        let history = aggregates.history::<Example<E, S, 0>>(id).await?;
        let found: Vec<E> = history.events.into_iter().map(|event| event.into_event()).collect();
        assert_eq!((&found, history.strays.len()), (events, 0), "{} {id}", E::AGGREGATE);
    }
    let is_subject = |subject: &str| expected.keys().any(|id| subject.ends_with(&format!(".{id}")));
    assert!(bus.published().iter().all(|message| is_subject(&message.subject)), "{}", E::AGGREGATE);
    // Nothing of it is ever forgotten.
    assert!(stream.aggregates && stream.replicas == 3 && stream.discard == Discard::New, "{stream:?}");
    assert_eq!((stream.max_age, stream.max_bytes, stream.max_messages), (None, None, None), "{}", stream.name);
    Ok(())
}

async fn its_snapshots_restore<E, S, const INDEX: usize>(stream: &str) -> Outcome
where
    E: AggregateEvents + Clone,
    S: State + Clone + PartialEq + Debug,
{
    let (bus, _) = bus(stream).await?;
    let aggregates = Aggregates::of(&bus);
    let (id, event) = events::<E>().swap_remove(0);
    aggregates.execute(&id, |_: &Example<E, S, INDEX>| Ok::<_, String>(vec![event.clone()])).await?;

    let restored = aggregates.load::<Example<E, S, INDEX>>(&id).await?;

    let expected = documents::<S>().swap_remove(INDEX);
    assert_eq!((restored.applied, &restored.snapshot), (0, &Some(expected.clone())), "{}", E::AGGREGATE);
    assert_eq!(bus.bucket::<S>().get(&id).await?.map(eventsmith::bucket::Entry::into_value), Some(expected));
    Ok(())
}

#[tokio::test]
async fn the_examples_of_every_aggregate_make_histories() -> Outcome {
    its_examples_make_histories::<RuleEvent, RuleSnapshot>("RULES_RULE").await?;
    its_examples_make_histories::<PromotionEvent, PromotionSnapshot>("RULES_PROMOTION").await?;
    its_examples_make_histories::<CouponEvent, CouponSnapshot>("RULES_COUPON").await?;
    its_examples_make_histories::<LoyaltyEvent, LoyaltySnapshot>("RULES_LOYALTY").await?;
    its_examples_make_histories::<PaymentEvent, PaymentSnapshot>("RULES_PAYMENT").await
}

#[tokio::test]
async fn the_snapshots_of_every_aggregate_restore() -> Outcome {
    its_snapshots_restore::<RuleEvent, RuleSnapshot, 0>("RULES_RULE").await?;
    its_snapshots_restore::<RuleEvent, RuleSnapshot, 1>("RULES_RULE").await?;
    its_snapshots_restore::<PromotionEvent, PromotionSnapshot, 0>("RULES_PROMOTION").await?;
    its_snapshots_restore::<PromotionEvent, PromotionSnapshot, 1>("RULES_PROMOTION").await?;
    its_snapshots_restore::<CouponEvent, CouponSnapshot, 0>("RULES_COUPON").await?;
    its_snapshots_restore::<CouponEvent, CouponSnapshot, 1>("RULES_COUPON").await?;
    its_snapshots_restore::<LoyaltyEvent, LoyaltySnapshot, 0>("RULES_LOYALTY").await?;
    its_snapshots_restore::<LoyaltyEvent, LoyaltySnapshot, 1>("RULES_LOYALTY").await?;
    its_snapshots_restore::<PaymentEvent, PaymentSnapshot, 0>("RULES_PAYMENT").await?;
    its_snapshots_restore::<PaymentEvent, PaymentSnapshot, 1>("RULES_PAYMENT").await
}

#[tokio::test]
async fn what_is_of_an_aggregate_is_not_published() -> Outcome {
    let (bus, _) = bus("RULES_RULE").await?;
    let (_, event) = events::<RuleEvent>().swap_remove(0);
    let RuleEvent::Activated(event) = event else { return Err("the events are not sorted by their types".into()) };

    let error = bus.publish(&event).await.unwrap_err();

    assert!(matches!(error, PublishError::OfAggregate { aggregate: "rule", .. }), "{error}");
    Ok(())
}
