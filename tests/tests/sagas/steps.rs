//! The steps of sagas: done, refused, passed over, made again, undone, and helped on by operators.

use std::time::Duration;

use eventsmith::Bus;
use eventsmith::state::{Otherwise, Saga, SagaError, SagaRetry, SagaStatus, StartOptions, Step, StepOutcome};

use crate::bank::*;
use crate::common::{Outcome, over_both_transports};

over_both_transports! {
    a_saga_completes_and_tells_its_path
    what_was_done_is_undone_in_reverse
    a_step_that_is_refused_may_be_passed_over_or_end_it
    a_step_that_is_not_needed_is_left_out
    a_request_is_made_again_under_its_id
    what_nobody_answers_is_undone_as_it_may_be_done
    a_step_that_cannot_be_undone_waits_for_an_operator
    an_operator_takes_it_upon_them_to_undo_a_step
    what_nothing_undoes_is_told_to_an_operator
    an_operator_ends_what_runs
    an_id_begins_once
    correlation_and_causation_run_from_end_to_end
    versions_run_side_by_side
    many_at_once_and_two_runners_lose_no_money
    code_that_panics_or_breaks_the_state_is_compensated
    what_cannot_be_run_is_named
}

async fn a_saga_completes_and_tells_its_path(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(transfer(1))));

    let started = sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert!(started.is_new);
    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    assert_eq!((bank.balance("a"), bank.balance("b")), (970, 1_030));
    assert_eq!(told(&sagas, "transfer", "t-1").await?, ["started", "done withdraw", "done deposit", "completed"]);
    let history = sagas.history("transfer", "t-1").await?;
    let requests: Vec<_> = history.commands.iter().map(|it| (it.command, it.request_type.as_str())).collect();
    assert_eq!(requests, [(1, "bank.withdraw"), (2, "bank.deposit")]);
    assert_eq!(history.steps, [("withdraw".to_owned(), StepOutcome::Done), ("deposit".to_owned(), StepOutcome::Done)]);
    assert_eq!(sagas.state(&transfer(1), "t-1").await?.map(|state| state.notes), Some(vec!["withdrawn".to_owned()]));
    let listed = sagas.list("transfer").await?;
    assert_eq!((listed.len(), listed[0].id.as_str(), listed[0].status), (1, "t-1", SagaStatus::Completed));
    Ok(())
}

/// A request for a fee, of an account that has none.
fn fee(transfer: &Transfer) -> Withdraw {
    Withdraw { transfer: format!("{}-fee", transfer.id), account: "nobody".to_owned(), cents: 1 }
}

async fn what_was_done_is_undone_in_reverse(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let saga = || transfer(1).step(Step::asks("fee", fee));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));

    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!((bank.balance("a"), bank.balance("b")), (1_000, 1_000));
    assert_eq!(bank.path("t-1"), ["withdraw", "deposit", "take_back", "give_back"]);
    let expected = [
        "started",
        "done withdraw",
        "done deposit",
        "refused fee",
        "compensating",
        "undone deposit",
        "undone withdraw",
        "compensated",
    ];
    assert_eq!(told(&sagas, "transfer", "t-1").await?, expected);
    let history = sagas.history("transfer", "t-1").await?;
    assert!(history.reason.as_deref().is_some_and(|reason| reason.contains("not_found")), "{:?}", history.reason);
    Ok(())
}

async fn a_step_that_is_refused_may_be_passed_over_or_end_it(bus: Bus) -> Outcome {
    for (choice, status, balance) in
        [(Otherwise::GoOn, SagaStatus::Completed, 970), (Otherwise::Fail, SagaStatus::Failed, 970)]
    {
        let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
        let id = format!("t-{status}");
        let saga = || transfer(1).step(Step::asks("fee", fee).on_refusal(move |_, _| choice));
        let (bank_runs, runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));

        sagas.start(&saga(), &id, &a_transfer(&id, "a", "b", 30)).await?;

        assert_eq!(ends(&sagas, &id).await?, status);
        assert_eq!(bank.balance("a"), balance);
        runner.stop().await??;
        bank_runs.stop().await??;
    }
    Ok(())
}

async fn a_step_that_is_not_needed_is_left_out(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let saga = || {
        Saga::new("transfer", 1)
            .step(Step::asks("never", fee).when(|transfer: &Transfer| transfer.cents > 1_000))
            .step(Step::asks("withdraw", withdraw).when(|transfer: &Transfer| transfer.cents > 0))
            .step(Step::asks("last", fee).when(|_| false))
    };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));

    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    let expected = ["started", "skipped never", "done withdraw", "skipped last", "completed"];
    assert_eq!(told(&sagas, "transfer", "t-1").await?, expected);
    Ok(())
}

async fn a_request_is_made_again_under_its_id(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().failing.insert("withdraw", 2);
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(transfer(1))));

    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    let ids: Vec<String> =
        bank.ledger().calls.iter().filter(|call| call.what == "withdraw").map(|call| call.id.clone()).collect();
    assert_eq!(ids, vec![ids[0].clone(); 3]);
    assert_eq!(bank.balance("a"), 970);
    Ok(())
}

async fn what_nobody_answers_is_undone_as_it_may_be_done(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().failing.insert("deposit", u32::MAX);
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(transfer(1))));

    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!(bank.path("t-1"), ["withdraw", "deposit", "take_back", "give_back"]);
    let deposits = bank.ledger().calls.iter().filter(|call| call.what == "deposit").count();
    assert_eq!((deposits, bank.balance("a"), bank.balance("b")), (4, 1_000, 1_000));
    let history = sagas.history("transfer", "t-1").await?;
    assert!(
        history.reason.as_deref().is_some_and(|reason| reason.contains("closed for lunch")),
        "{:?}",
        history.reason
    );
    Ok(())
}

async fn a_step_that_cannot_be_undone_waits_for_an_operator(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a"]));
    bank.ledger().refusing.insert(("give_back", "a".to_owned()));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(transfer(1))));

    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "nobody", 30)).await?;
    reaches(&sagas, "transfer", "t-1", |status| status == SagaStatus::Stuck).await?;

    let listed = sagas.list("transfer").await?;
    assert_eq!((listed[0].status, listed[0].step.as_deref()), (SagaStatus::Stuck, Some("withdraw")));
    // Nothing has changed, and so it is stuck again.
    sagas.retry("transfer", "t-1", "anna").await?;
    let again = async {
        while told(&sagas, "transfer", "t-1").await?.iter().filter(|told| *told == "stuck withdraw").count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(eventsmith_tests::running::PATIENCE, again).await??;
    bank.ledger().refusing.clear();
    sagas.retry("transfer", "t-1", "anna").await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!(bank.balance("a"), 1_000);
    let history = sagas.history("transfer", "t-1").await?;
    let retried = history.events.iter().filter(|event| event.by.as_deref() == Some("anna")).count();
    assert_eq!((retried, history.inputs.len()), (2, 2));
    let ids: Vec<String> =
        bank.ledger().calls.iter().filter(|call| call.what == "give_back").map(|call| call.id.clone()).collect();
    assert!(ids.len() == 3 && ids[0] != ids[1] && ids[1] != ids[2], "what was refused is asked for anew: {ids:?}");
    Ok(())
}

async fn an_operator_takes_it_upon_them_to_undo_a_step(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().failing.insert("take_back", u32::MAX);
    let saga = || transfer(1).step(Step::asks("fee", fee));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));
    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    reaches(&sagas, "transfer", "t-1", |status| status == SagaStatus::Stuck).await?;

    sagas.cancel("transfer", "t-1", "anna", "taken back by hand").await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!((bank.balance("a"), bank.balance("b")), (1_000, 1_030));
    let history = sagas.history("transfer", "t-1").await?;
    let outcomes: Vec<StepOutcome> = history.steps.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(outcomes, [StepOutcome::Undone, StepOutcome::PassedOver, StepOutcome::Refused]);
    let passed_over = history.events.iter().find(|event| event.by.is_some()).ok_or("nobody did it")?;
    assert_eq!(passed_over.detail.as_deref(), Some("taken back by hand"));
    let ended = sagas.retry("transfer", "t-1", "anna").await.unwrap_err();
    assert!(matches!(ended, SagaError::WrongStatus { status: SagaStatus::Compensated, .. }), "{ended}");
    Ok(())
}

async fn what_nothing_undoes_is_told_to_an_operator(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let saga = || {
        Saga::new("transfer", 1)
            .step(Step::asks("withdraw", withdraw).compensate(give_back))
            .step(Step::asks("deposit", deposit).irreversible())
            .step(Step::asks("fee", fee))
    };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));
    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    reaches(&sagas, "transfer", "t-1", |status| status == SagaStatus::Stuck).await?;
    assert_eq!(sagas.list("transfer").await?[0].step.as_deref(), Some("deposit"));
    sagas.cancel("transfer", "t-1", "anna", "settled by phone").await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!((bank.balance("a"), bank.balance("b")), (1_000, 1_030));
    Ok(())
}

async fn an_operator_ends_what_runs(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().failing.insert("deposit", 1);
    let patient = SagaRetry { first_delay: Duration::from_secs(3_600), max_delay: Duration::from_secs(3_600), ..QUICK };
    let saga = || {
        Saga::new("transfer", 1)
            .step(Step::asks("withdraw", withdraw).compensate(give_back))
            .step(Step::asks("deposit", deposit).retry(patient).compensate(take_back))
    };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));
    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    crate::common::until(|| bank.path("t-1").ends_with(&["deposit"])).await?;

    sagas.cancel("transfer", "t-1", "anna", "the customer called").await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    // What it asked for may have been done, and is undone.
    assert_eq!(bank.path("t-1"), ["withdraw", "deposit", "take_back", "give_back"]);
    assert_eq!((bank.balance("a"), bank.balance("b")), (1_000, 1_000));
    Ok(())
}

async fn an_id_begins_once(bus: Bus) -> Outcome {
    let sagas = sagas(&bus).await?;
    let begun = (0..8).map(|number| {
        let sagas = sagas.clone();
        async move { sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", number)).await }
    });

    let mut new = 0;
    for started in futures_util::future::join_all(begun).await {
        new += usize::from(started?.is_new);
    }

    assert_eq!(new, 1);
    assert_eq!(told(&sagas, "transfer", "t-1").await?, ["started"]);
    Ok(())
}

async fn correlation_and_causation_run_from_end_to_end(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(transfer(1))));
    let options = StartOptions {
        correlation_id: Some("order-5521".to_owned()),
        causation_id: Some("m-1".to_owned()),
        ..StartOptions::default()
    };

    sagas.start_with(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30), options).await?;
    ends(&sagas, "t-1").await?;

    let calls = bank.ledger().calls.clone();
    assert!(calls.iter().all(|call| call.correlation_id.as_deref() == Some("order-5521")), "{calls:?}");
    assert_eq!(sagas.history("transfer", "t-1").await?.correlation_id.as_deref(), Some("order-5521"));
    // The second request comes of an intent, which comes of the first request, which comes of an intent.
    assert!(calls.iter().all(|call| call.causation_id.is_some()) && calls[0].causation_id != calls[1].causation_id);
    Ok(())
}

async fn versions_run_side_by_side(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let second =
        || Saga::new("transfer", 2).step(Step::asks("deposit", deposit)).step(Step::asks("withdraw", withdraw));
    let _bank = serve(&bank, &bus);
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 1)).await?;
    sagas.start(&second(), "t-2", &a_transfer("t-2", "a", "b", 2)).await?;

    let newer = run(sagas.runner("sagas").saga(second()));
    assert_eq!(ends(&sagas, "t-2").await?, SagaStatus::Completed);
    assert_eq!(sagas.status("transfer", "t-1").await?, Some(SagaStatus::Running));
    assert_eq!(sagas.left_alone("transfer", &[2]).await?, 1);
    newer.stop().await??;
    let _both = run(sagas.runner("sagas").saga(transfer(1)).saga(second()));

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    assert_eq!((bank.path("t-1"), bank.path("t-2")), (vec!["withdraw", "deposit"], vec!["deposit", "withdraw"]));
    assert_eq!(sagas.left_alone("transfer", &[2]).await?, 0);
    Ok(())
}

async fn many_at_once_and_two_runners_lose_no_money(bus: Bus) -> Outcome {
    const TRANSFERS: i64 = 60;
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().failing.insert("withdraw", 7);
    bank.ledger().failing.insert("deposit", 7);
    bank.ledger().failing.insert("give_back", 3);
    let _services = (serve(&bank, &bus), serve(&bank, &bus));
    let _runners = (run(sagas.runner("one").saga(transfer(1))), run(sagas.runner("two").saga(transfer(1))));

    for number in 0..TRANSFERS {
        // Every third has nowhere to go.
        let to = if number % 3 == 0 { "nobody" } else { "b" };
        let id = format!("t-{number}");
        sagas.start(&transfer(1), &id, &a_transfer(&id, "a", to, 1)).await?;
    }
    let mut completed = 0;
    for number in 0..TRANSFERS {
        match ends(&sagas, &format!("t-{number}")).await? {
            SagaStatus::Completed if number % 3 != 0 => completed += 1,
            SagaStatus::Compensated => {}
            other => return Err(format!("{number}: {other}").into()),
        }
    }

    assert_eq!((bank.total(), bank.balance("b")), (2_000, 1_000 + completed));
    assert_eq!(sagas.list("transfer").await?.len() as i64, TRANSFERS);
    Ok(())
}

async fn code_that_panics_or_breaks_the_state_is_compensated(bus: Bus) -> Outcome {
    #[expect(clippy::panic, reason = "that is what is tested")]
    fn panics(_: &mut Transfer, _: &eventsmith::NoReply) {
        panic!("no such luck");
    }
    #[expect(clippy::panic, reason = "that is what is tested")]
    fn panics_before(_: &Transfer) -> Withdraw {
        panic!("no such luck either");
    }
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let withdrawn = || Step::asks("withdraw", withdraw).compensate(give_back);
    let broken = |transfer: &mut Transfer, _: &eventsmith::NoReply| transfer.notes.push(INVALID_NOTE.to_owned());
    let all = || {
        [
            Saga::new("transfer", 1).step(withdrawn().on_reply(panics)),
            Saga::new("transfer", 2).step(withdrawn()).step(Step::asks("never", panics_before)),
            Saga::new("transfer", 3).step(withdrawn().on_reply(broken)),
            // A request that is invalid is not made.
            Saga::new("transfer", 4)
                .step(withdrawn())
                .step(Step::asks("never", |_: &Transfer| withdraw(&Transfer::default()))),
        ]
    };
    let runner = all().into_iter().fold(sagas.runner("sagas"), |runner, saga| runner.saga(saga));
    let (_bank, _runner) = (serve(&bank, &bus), run(runner));

    for (number, saga) in (1..).zip(all()) {
        let id = format!("t-{number}");
        sagas.start(&saga, &id, &a_transfer(&id, "a", "b", 30)).await?;
        assert_eq!(ends(&sagas, &id).await?, SagaStatus::Compensated);
        assert_eq!((bank.path(&id), bank.balance("a")), (vec!["withdraw", "give_back"], 1_000), "{id}");
    }
    Ok(())
}

async fn what_cannot_be_run_is_named(bus: Bus) -> Outcome {
    let sagas = sagas(&bus).await?;
    let state = a_transfer("t-1", "a", "b", 1);
    let step = || Step::asks("withdraw", withdraw);
    for (saga, id, words) in [
        (Saga::new("transfer", 1), "t-1", "one step at least"),
        (Saga::new("transfer", 0).step(step()), "t-1", "count from 1"),
        (Saga::new("trans.fer", 1).step(step()), "t-1", "one or more of A-Z"),
        (Saga::new("transfer", 1).step(step()).step(step()), "t-1", "two of its steps are called withdraw"),
        (Saga::new("transfer", 1).step(step().timeout(Duration::ZERO)), "t-1", "from 1 ms"),
        (Saga::new("other", 1).step(step()), "t-1", "no stream of the catalogue holds the saga other"),
        (transfer(1), "a.b", "one subject token"),
    ] {
        let error = sagas.start(&saga, id, &state).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let invalid = Transfer { notes: vec![INVALID_NOTE.to_owned()], ..state };
    let error = sagas.start(&transfer(1), "t-1", &invalid).await.unwrap_err();
    assert!(matches!(error, SagaError::InvalidState { .. }), "{error}");
    let twice = sagas.runner("sagas").saga(transfer(1)).saga(transfer(1));
    let error = twice.run(std::future::pending::<()>()).await.unwrap_err();
    assert!(error.to_string().contains("has it twice"), "{error}");
    let error = sagas.history("transfer", "t-9").await.unwrap_err();
    assert!(matches!(error, SagaError::NotFound { .. }), "{error}");
    Ok(())
}
