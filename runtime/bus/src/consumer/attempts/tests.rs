//! How many attempts events have had, whoever says so.

use eventsmith_event::stream::StreamDescriptor;

use super::*;
use crate::memory::Memory;
use crate::settings::StreamSettings;
use crate::transport::MessageSelector;

#[tokio::test]
async fn nothing_stays_noted_of_events_that_are_done() {
    let memory = Memory::default();
    let dead_letters = StreamDescriptor::new("DEAD", &["rules.dlq.>"]);
    memory.put_stream(&StreamSettings::from(&dead_letters)).unwrap();
    let attempts =
        Attempts::new(Arc::new(memory.clone()), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
    let delivered = |sequence, deliveries| Delivery { deliveries, ..Delivery::for_test(sequence) };

    // Where there is one attempt only, each is noted before it begins.
    for sequence in 1..=200 {
        attempts.note_last(&delivered(sequence, 1), 1).await;
    }
    attempts.not_run(&[delivered(201, 1)]).await;
    attempts.note_last(&delivered(201, 2), 1).await;
    for sequence in 1..=200 {
        attempts.done(&delivered(sequence, 1));
    }
    attempts.done(&delivered(201, 2));

    while memory.message("DEAD", MessageSelector::LastOf("rules.dlq.>")).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn deliveries_of_which_nothing_is_known_exhaust_no_event_that_is_nakked_unrun() {
    let attempts = process(&with_dead_letters());
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };

    attempts.not_run(&[delivered(5)]).await;

    assert_eq!(attempts.number(&delivered(6), 2).await, Ok(2), "its last attempt");
    attempts.note_last(&delivered(6), 2).await;
    assert_eq!(attempts.number(&delivered(7), 2).await, Ok(3), "no further one");
}

#[tokio::test]
async fn a_note_of_another_process_is_believed_once_it_had_time_to_withdraw_it() {
    let memory = Memory::default();
    let dead_letters = StreamDescriptor::new("DEAD", &["rules.dlq.>"]);
    memory.put_stream(&StreamSettings::from(&dead_letters)).unwrap();
    let transport: Arc<dyn Transport> = Arc::new(memory);
    let process =
        || Attempts::new(Arc::clone(&transport), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    let (one, other) = (process(), process());

    // The note is stored, and its acknowledgement comes too late.
    one.note_last(&delivered(2), 2).await;
    assert_eq!(other.number(&delivered(3), 2).await, Err(Unsure(3)), "it may not have begun");
    one.withdraw(&delivered(2), 2).await;
    assert_eq!(other.number(&delivered(4), 2).await, Ok(2), "it did not");

    // This process dies.
    other.note_last(&delivered(4), 2).await;
    assert_eq!(process().number(&delivered(5), 2).await, Err(Unsure(3)));
    assert_eq!(process().number(&delivered(6), 2).await, Ok(3), "it did, as far as anybody can know");
    // What the first has to say is about an earlier delivery.
    one.withdraw(&delivered(2), 2).await;
    assert_eq!(process().number(&delivered(6), 2).await, Ok(3));
}

#[tokio::test]
async fn only_what_had_been_delivered_before_a_loss_may_have_been_lost() {
    let attempts =
        Attempts::new(Arc::new(Memory::default()), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
    let third = |sequence| Delivery { deliveries: 3, ..Delivery::for_test(sequence) };

    attempts.may_have_lost();
    assert_eq!(attempts.number(&third(20), 5).await, Ok(1));
    attempts.lost_up_to(10, 0);
    assert_eq!(attempts.number(&third(11), 5).await, Ok(1), "that was asked before the loss");
    attempts.lost_up_to(10, 1);

    assert_eq!((attempts.number(&third(10), 5).await, attempts.number(&third(11), 5).await), (Ok(1), Ok(3)));
}

#[tokio::test]
async fn what_was_noted_of_a_consumer_that_was_deleted_is_not_about_the_one_that_was_made_anew() {
    let attempts =
        Attempts::new(Arc::new(Memory::default()), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };

    attempts.note_last(&delivered(4), 4).await;

    assert_eq!(attempts.number(&delivered(5), 4).await, Ok(5));
    assert_eq!(attempts.number(&delivered(2), 4).await, Ok(2), "its deliveries count from 1 again");
    attempts.not_run(&[delivered(2)]).await;
    assert_eq!(attempts.number(&delivered(3), 4).await, Ok(2));
}

/// A process of its own.
fn process(transport: &Arc<dyn Transport>) -> Attempts {
    Attempts::new(Arc::clone(transport), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"))
}

fn with_dead_letters() -> Arc<dyn Transport> {
    let memory = Memory::default();
    let dead_letters = StreamDescriptor::new("DEAD", &["rules.dlq.>"]);
    memory.put_stream(&StreamSettings::from(&dead_letters)).unwrap();
    Arc::new(memory)
}

#[tokio::test]
async fn a_note_of_another_process_is_no_more_certain_for_being_passed_on() {
    let transport = with_dead_letters();
    let (one, other) = (process(&transport), process(&transport));
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };

    one.note_last(&delivered(1), 1).await;
    other.not_run(&[delivered(2)]).await;

    assert_eq!(other.number(&delivered(3), 1).await, Err(Unsure(2)), "it may not have begun");
    assert_eq!(process(&transport).number(&delivered(3), 1).await, Err(Unsure(2)), "nor do others know");
    assert_eq!(other.number(&delivered(4), 1).await, Ok(2));
}

#[tokio::test]
async fn a_run_that_was_none_is_taken_out_of_what_others_noted_meanwhile() {
    let transport = with_dead_letters();
    let (one, other) = (process(&transport), process(&transport));
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    one.note_last(&delivered(1), 1).await;
    other.not_run(&[delivered(2)]).await;

    one.withdraw(&delivered(1), 1).await;

    assert!(!one.has_unsaid());
    assert_eq!(process(&transport).number(&delivered(3), 1).await, Ok(1), "it never ran");
    other.note_last(&delivered(3), 1).await;
    one.withdraw(&delivered(1), 1).await;
    assert_eq!(process(&transport).number(&delivered(5), 1).await, Ok(2), "what the other began is its affair");
}

#[tokio::test]
async fn where_notes_cannot_be_read_for_the_moment_no_attempt_is_the_last_for_that() {
    // Without a stream of the dead letters.
    let attempts = process(&(Arc::new(Memory::default()) as Arc<dyn Transport>));
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    attempts.noting.begin(&std::io::Error::other("no leader"), UNNOTED);

    assert_eq!(attempts.number(&delivered(4), 3).await, Err(Unsure(3)));
    assert_eq!(attempts.number(&delivered(2), 3).await, Ok(2), "not the last");
}

#[tokio::test]
async fn who_has_no_handler_notes_no_run_that_was_only_inferred() {
    let transport = with_dead_letters();
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    let old = process(&transport);

    assert_eq!(old.number(&delivered(2), 10).await, Ok(2), "as its first delivery may have been run");
    old.handed_back(&delivered(2)).await;

    assert_eq!(process(&transport).number(&delivered(3), 1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_to_be_noted_is_known_here_and_said_later() {
    let transport = with_dead_letters();
    let attempts = process(&transport);
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    attempts.noting.begin(&std::io::Error::other("no leader"), UNNOTED);

    attempts.not_run(&[delivered(2)]).await;
    attempts.not_run(&[delivered(3)]).await;

    assert!(attempts.has_unsaid());
    assert_eq!(attempts.number(&delivered(4), 5).await, Ok(2), "the first delivery alone may have been run");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    attempts.say_again().await;
    assert!(!attempts.has_unsaid());
    assert_eq!(process(&transport).number(&delivered(4), 5).await, Ok(2));
}

#[tokio::test]
async fn what_was_handed_back_and_is_said_late_restores_no_run_that_was_withdrawn() {
    let transport = with_dead_letters();
    let (one, other) = (process(&transport), process(&transport));
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    one.note_last(&delivered(1), 1).await;
    assert_eq!(other.number(&delivered(2), 1).await, Err(Unsure(2)));
    one.withdraw(&delivered(1), 1).await;

    other.not_run(&[delivered(2)]).await;

    assert_eq!(process(&transport).number(&delivered(3), 1).await, Ok(1), "it never ran");
}

#[tokio::test]
async fn what_was_noted_of_an_earlier_consumer_is_replaced_and_pauses_nothing() {
    let transport = with_dead_letters();
    let attempts = process(&transport);
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    attempts.note_last(&delivered(1), 1).await;

    // It expects that nothing is noted of a first delivery; but the consumer was made anew.
    process(&transport).not_run(&[delivered(1)]).await;

    assert_eq!(process(&transport).number(&delivered(2), 1).await, Ok(1), "it was never run");
    let other = process(&transport);
    other.not_run(&[delivered(2)]).await;
    assert!(!other.noting.is_on() && !other.has_unsaid());
}

#[tokio::test]
async fn a_delivery_that_is_put_off_is_no_attempt() {
    let transport = with_dead_letters();
    let attempts = process(&transport);
    let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
    let counts = RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS");
    let unrun = RunCount { deliveries: 9, ..RunCount::default() };
    counts.put(&*transport, 7, delivered(9).stored, unrun, None).await.unwrap();

    (10..=12).for_each(|deliveries| attempts.put_off(&delivered(deliveries)));

    assert_eq!(attempts.number(&delivered(13), 10).await, Ok(1));
    assert_eq!(attempts.number(&delivered(15), 10).await, Ok(3), "of the two since then nothing is known");
}

#[tokio::test]
async fn a_note_is_not_deleted_by_a_number_that_another_message_has_by_now() {
    let memory = Memory::default();
    let dead_letters = StreamDescriptor::new("DEAD", &["rules.dlq.>"]);
    memory.put_stream(&StreamSettings::from(&dead_letters)).unwrap();
    let transport: Arc<dyn Transport> = Arc::new(memory);
    let counts = RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS");
    let delivery = Delivery::for_test(7);
    // As if the stream had been made anew: what had been noted of 7 was the first message, and is of 8 by now.
    counts.put(&*transport, 8, delivery.stored, RunCount::default(), None).await.unwrap();

    counts.delete_one(&*transport, 7, 1).await.unwrap();
    assert!(transport.message("DEAD", MessageSelector::Sequence(1)).await.unwrap().is_some());
    counts.delete_one(&*transport, 8, 1).await.unwrap();

    assert!(transport.message("DEAD", MessageSelector::Sequence(1)).await.unwrap().is_none());
}
