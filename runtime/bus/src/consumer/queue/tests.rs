//! The order of what waits.

use super::*;

fn push(queue: &mut Queue, sequence: u64, key: &str) {
    queue.push(Delivery::for_test(sequence), Routing { route: None, key: Some(key.into()) });
}

fn pop(queue: &mut Queue) -> Option<u64> {
    queue.pop(|_| true).map(|ready| ready.delivery.sequence)
}

#[test]
fn events_of_one_key_begin_one_after_the_other_and_others_pass_them() {
    let mut queue = Queue::default();
    for (sequence, key) in [(1, "a"), (2, "a"), (3, "b")] {
        push(&mut queue, sequence, key);
    }

    assert_eq!((pop(&mut queue), pop(&mut queue), pop(&mut queue)), (Some(1), Some(3), None));
    queue.done(1, Some(&"a".into()));

    assert_eq!(pop(&mut queue), Some(2));
}

#[test]
fn an_event_that_is_to_be_redelivered_is_waited_for() {
    let (mut queue, key) = (Queue::default(), "a".into());
    push(&mut queue, 1, "a");
    pop(&mut queue);

    queue.away(1, Some(&key), Instant::now() + Duration::from_secs(60));
    push(&mut queue, 2, "a");
    assert_eq!(pop(&mut queue), None);
    push(&mut queue, 1, "a");

    assert_eq!((pop(&mut queue), pop(&mut queue)), (Some(1), None));
}

#[test]
fn an_event_that_is_never_redelivered_is_not_waited_for_without_end() {
    let (mut queue, key, now) = (Queue::default(), "a".into(), Instant::now());
    push(&mut queue, 1, "a");
    pop(&mut queue);
    queue.away(1, Some(&key), now + Duration::from_secs(60));
    push(&mut queue, 2, "a");

    assert_eq!(queue.overdue(now), [0; 0]);
    let (late, later) = (now + Duration::from_secs(61), now + Duration::from_secs(121));
    assert_eq!(queue.overdue(late), [1]);
    queue.expect_until(&[1], late + Duration::from_secs(60), late);
    assert_eq!(queue.overdue(late), [0; 0], "it was seen to be there");
    queue.forget_overdue(&[1], late);
    assert_eq!(pop(&mut queue), None);
    queue.forget_overdue(&[1], later + Duration::from_secs(1));

    assert_eq!(pop(&mut queue), Some(2));
}

#[test]
fn what_is_to_be_redelivered_is_known_unless_another_instance_may_get_it() {
    let (mut queue, key) = (Queue::default(), "a".into());
    push(&mut queue, 1, "a");
    pop(&mut queue);
    let until = Instant::now() + Duration::from_secs(60);
    queue.away(1, Some(&key), until);
    queue.push(Delivery::for_test(2), Routing::default());
    pop(&mut queue);
    queue.away(2, None, until);

    queue.hold();
    assert_eq!(queue.known(), 2);
    queue.push(Delivery::for_test(2), Routing::default());
    assert_eq!(queue.known(), 2);
    queue.away(2, None, until);
    queue.expect_nothing();

    assert_eq!(queue.known(), 0);
}

#[test]
fn what_lost_its_lease_is_waited_for_unless_another_instance_may_have_got_it() {
    let (mut queue, key, until) = (Queue::default(), "a".into(), Instant::now() + Duration::from_secs(60));
    for sequence in [1, 2] {
        push(&mut queue, sequence, "a");
    }
    pop(&mut queue);
    queue.lease_lost(1, Some(&key), until);
    assert_eq!((pop(&mut queue), queue.known()), (None, 2));
    push(&mut queue, 1, "a");
    pop(&mut queue);

    queue.expect_nothing();
    queue.hold();
    queue.lease_lost(1, Some(&key), until);
    assert_eq!((pop(&mut queue), queue.known()), (None, 1));
    queue.release();
    assert_eq!(pop(&mut queue), Some(2));

    push(&mut queue, 3, "a");
    queue.expect_nothing();
    queue.hold();
    queue.release();
    queue.lease_lost(2, Some(&key), until);
    assert_eq!((pop(&mut queue), queue.known()), (None, 2), "it was known to be here, and comes back here");
}

#[test]
fn what_is_held_begins_when_it_is_released_in_the_order_of_the_stream() {
    let mut queue = Queue::default();
    queue.hold();
    push(&mut queue, 2, "a");
    push(&mut queue, 1, "a");
    assert_eq!((pop(&mut queue), queue.is_holding()), (None, true));

    queue.release();

    assert_eq!((pop(&mut queue), pop(&mut queue), queue.is_holding()), (Some(1), None, false));
}

#[test]
fn what_another_instance_may_ack_is_seen_once_more_before_anything_is_released() {
    let mut queue = Queue::default();
    let deliver = |queue: &mut Queue, sequence, deliveries| {
        let delivery = Delivery { deliveries, ..Delivery::for_test(sequence) };
        queue.push(delivery, Routing { route: None, key: Some("a".into()) });
    };
    queue.hold();
    for (sequence, deliveries) in [(1, 2), (2, 1), (3, 7)] {
        deliver(&mut queue, sequence, deliveries);
    }

    let drained: Vec<u64> = queue.drain_unsure(Some(7)).iter().map(|delivery| delivery.sequence).collect();
    queue.expect(drained.clone());
    assert_eq!((drained, queue.is_expecting(Instant::now()), pop(&mut queue)), (vec![1], true, None));
    deliver(&mut queue, 1, 3);

    assert_eq!((pop(&mut queue), queue.is_expecting(Instant::now())), (Some(1), false));
}

#[test]
fn what_runs_and_another_instance_may_ack_is_not_known() {
    let mut queue = Queue::default();
    queue.hold();
    for (sequence, deliveries) in [(1, 1), (2, 2), (3, 2)] {
        queue.push(Delivery { deliveries, ..Delivery::for_test(sequence) }, Routing::default());
    }
    assert_eq!(queue.known(), 3);

    assert_eq!((pop(&mut queue), pop(&mut queue)), (Some(1), Some(2)));

    assert_eq!(queue.known(), 2);
}

#[test]
fn draining_takes_all_that_waits_and_leaves_what_runs() {
    let mut queue = Queue::default();
    for (sequence, key) in [(1, "a"), (2, "a"), (3, "b")] {
        push(&mut queue, sequence, key);
    }
    pop(&mut queue);

    let drained: Vec<u64> = queue.drain().iter().map(|delivery| delivery.sequence).collect();

    assert_eq!((drained, queue.known()), (vec![2, 3], 1));
}

#[test]
fn a_delivery_that_is_held_is_not_taken_twice() {
    let mut queue = Queue::default();
    for (sequence, deliveries) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
        let delivery = Delivery { deliveries, ..Delivery::for_test(sequence) };
        queue.push(delivery, Routing { route: None, key: Some("a".into()) });
    }
    let mut pop = || queue.pop(|_| true).map(|ready| (ready.delivery.sequence, ready.delivery.deliveries));

    assert_eq!((pop(), pop()), (Some((1, 2)), None));
    queue.done(1, Some(&"a".into()));
    assert_eq!(queue.pop(|_| true).map(|ready| ready.delivery.deliveries), Some(2));
}

#[test]
fn what_was_settled_is_known_when_it_is_redelivered_and_not_for_ever() {
    let mut queue = Queue::default();
    let again = |sequence| Delivery { deliveries: 2, ..Delivery::for_test(sequence) };
    let (stored, ended) = (again(0).stored, AckKind::Term("rejected"));
    queue.done(1, None);
    queue.settled(2, stored, AckKind::Ack, None);
    queue.settled(3, stored, AckKind::Ack, None);
    queue.settled(4, stored, ended, None);
    queue.done(3, None);
    let last_acks = [1, 2, 3, 4].map(|sequence| queue.last_ack(&again(sequence)));
    assert_eq!(last_acks, [None, Some(AckKind::Ack), None, Some(ended)]);
    assert_eq!(queue.last_ack(&Delivery::for_test(2)), None, "its first delivery");
    let other = Delivery { stored: Timestamp::MAX, ..again(2) };
    assert_eq!(queue.last_ack(&other), None, "another event with its number");

    (10..).take(REMEMBERED).for_each(|sequence| queue.settled(sequence, stored, ended, None));

    assert_eq!([2, 10].map(|sequence| queue.last_ack(&again(sequence))), [None, Some(ended)]);
    assert_eq!(queue.settled.len(), REMEMBERED);
}

#[test]
fn what_lost_its_lease_since_it_was_counted_keeps_what_is_held() {
    let (mut queue, key) = (Queue::default(), "a".into());
    let later = Instant::now() + Duration::from_secs(60);
    push(&mut queue, 1, "a");
    pop(&mut queue);
    queue.expect_nothing();
    queue.hold();
    push(&mut queue, 2, "a");
    push_again(&mut queue, 9, "b", 2);
    // The numbers agree: 1 runs, 2 waits, and 9 is nakked.
    assert_eq!(queue.drain_unsure(None).len(), 1);
    queue.expect([9]);

    queue.lease_lost(1, Some(&key), later);
    push_again(&mut queue, 9, "b", 3);

    assert_eq!(pop(&mut queue), None, "1 is redelivered, and comes before 2");
    assert!(queue.is_holding());
}

fn push_again(queue: &mut Queue, sequence: u64, key: &str, deliveries: u64) {
    let routing = Routing { route: None, key: Some(key.into()) };
    queue.push(Delivery { deliveries, ..Delivery::for_test(sequence) }, routing);
}

#[test]
fn what_nobody_would_be_delivered_again_can_be_taken_out_alone() {
    let mut queue = Queue::default();
    queue.hold();
    push_again(&mut queue, 1, "a", 3);
    push_again(&mut queue, 2, "a", 2);

    let last: Vec<u64> = queue.drain_last(Some(3)).iter().map(|delivery| delivery.sequence).collect();

    assert_eq!((last, queue.held()), (vec![1], 1));
    assert!(queue.drain_last(None).is_empty());
}
