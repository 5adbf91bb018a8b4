//! Tax rates of the tax service: by pages, resumed wherever a run was broken off.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use eventsmith::{Bus, DateTime};
use rules_engine_edge::external::Backoff;
use rules_engine_edge::played::{Fault, PlayedTaxService};
use rules_engine_edge::tax::{SyncError, Synchronizer, TaxConfig, TaxServiceClient, rate};
use rules_events::common::TaxType;
use rules_events::external::{ExternalRequestCompleted, ExternalRequestFailed};
use rules_events::sync::{SyncCompleted, SyncFailed, SyncStarted, SyncStartedMode};
use rules_events::tax::{TaxRateTable, TaxRatesUpdated};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::common::{Outcome, TOKEN, bus, events, everything, secret_file};

struct World {
    bus: Bus,
    service: PlayedTaxService,
    config: TaxConfig,
    _secret: TempDir,
}

impl World {
    /// A service with seven records in pages of two, one of which means nothing here.
    async fn new() -> Result<Self, Box<dyn Error>> {
        let bus = bus().await?;
        let service = PlayedTaxService::start(TOKEN).await?;
        for (region, levy, goods, percent) in [
            ("de", "VAT", "General", "19"),
            ("de", "VAT", "Restaurant meals", "7"),
            ("us_ca", "SALES", "General", "7.25"),
            ("atlantis", "VAT", "General", "1"),
            ("fr", "VAT", "General", "20.0"),
            ("de", "VAT", "Restaurant meals", "7.5"),
            ("fr", "VAT", "Books", "5.5"),
        ] {
            service.set(region, levy, goods, percent, "2026-01-01");
        }
        let (secret, path) = secret_file(TOKEN)?;
        let config = TaxConfig {
            page_size: 2,
            attempt_timeout: Duration::from_millis(300),
            max_attempts: 3,
            backoff: Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(20) },
            ..TaxConfig::new("vat-rates-eu".parse()?, service.url(), path)
        };
        Ok(Self { bus, service, config, _secret: secret })
    }

    fn synchronizer(&self) -> Result<Synchronizer, Box<dyn Error>> {
        Ok(Synchronizer::new(&self.bus, TaxServiceClient::new(&self.bus, self.config.clone())?))
    }

    /// All rates that the bucket holds: by jurisdiction and category.
    async fn rates(&self) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
        let tables = self.bus.bucket::<TaxRateTable>();
        let mut rates = BTreeMap::new();
        for key in tables.keys(">").await? {
            let table = tables.get(&key).await?.ok_or("a key without a table")?;
            for entry in &table.rates {
                rates.insert(format!("{key} {}", entry.category), entry.rate.to_string());
            }
        }
        Ok(rates)
    }
}

fn expected() -> BTreeMap<String, String> {
    [
        ("DE general", "0.19"),
        ("DE restaurant-meals", "0.075"),
        ("FR books", "0.055"),
        ("FR general", "0.2"),
        ("US-CA general", "0.0725"),
    ]
    .into_iter()
    .map(|(key, rate)| (key.to_owned(), rate.to_owned()))
    .collect()
}

#[tokio::test]
async fn all_rates_come_in_by_pages_and_then_only_what_changed() -> Outcome {
    let world = World::new().await?;

    let first = world.synchronizer()?.run().await?;
    let nothing = world.synchronizer()?.run().await?;
    world.service.set("de", "VAT", "General", "16", "2026-07-01");
    let second = world.synchronizer()?.run().await?;

    assert_eq!((first.created, first.updated, first.skipped, first.pages), (5, 1, 1, 4));
    assert_eq!((nothing.created, nothing.updated), (0, 0));
    assert_eq!((second.created, second.updated, second.pages), (0, 1, 1));
    let modes: Vec<_> = events::<SyncStarted>(&world.bus).into_iter().map(|started| started.mode).collect();
    assert_eq!(modes, [SyncStartedMode::Full, SyncStartedMode::Incremental, SyncStartedMode::Incremental]);
    assert_eq!(events::<SyncCompleted>(&world.bus).len(), 3);
    let updates = events::<TaxRatesUpdated>(&world.bus);
    let last = updates.last().ok_or("no update")?;
    assert_eq!(last.rates[0].previous_rate.as_ref().map(|rate| rate.as_str()), Some("0.19"));
    assert_eq!(last.rates[0].rate.as_str(), "0.16");
    assert_eq!(events::<ExternalRequestCompleted>(&world.bus).len(), 6);
    assert!(!everything(&world.bus).contains(TOKEN));
    Ok(())
}

#[tokio::test]
async fn a_rate_is_found_from_when_on_it_applies() -> Outcome {
    let world = World::new().await?;
    world.synchronizer()?.run().await?;
    let find = async |category: &str, at: &str| {
        let at: DateTime = at.parse().unwrap();
        rate(&world.bus, &"DE".parse().unwrap(), TaxType::Vat, category, &at).await
    };

    let found = find("general", "2026-01-01T00:00:00Z").await?;

    assert_eq!(found.as_ref().map(|rate| rate.as_str()), Some("0.19"));
    assert_eq!(find("general", "2025-12-31T23:59:59Z").await?, None);
    assert_eq!(find("yachts", "2026-01-01T00:00:00Z").await?, None);
    Ok(())
}

/// The next one goes on where the killed one was, and the events and figures are those of one run.
#[tokio::test]
async fn a_run_that_is_killed_between_any_two_steps_goes_on() -> Outcome {
    let whole = World::new().await?;
    whole.synchronizer()?.run().await?;
    let events_of_whole = events::<TaxRatesUpdated>(&whole.bus).len();
    let mut kills = 0;
    for steps in 0.. {
        let world = World::new().await?;
        let killed = world.synchronizer()?.dying_after(steps);
        let killed = timeout(Duration::from_millis(400), killed.run()).await;
        if let Ok(summary) = killed {
            summary?;
            break;
        }
        kills += 1;

        let summary = world.synchronizer()?.run().await.map_err(|error| format!("{steps}: {error}"))?;

        assert_eq!((summary.created, summary.updated, summary.skipped, summary.pages), (5, 1, 1, 4), "{steps}");
        assert_eq!(world.rates().await?, expected(), "{steps}");
        assert_eq!(events::<SyncStarted>(&world.bus).len(), 1, "{steps}");
        assert_eq!(events::<SyncCompleted>(&world.bus).len(), 1, "{steps}");
        assert_eq!(events::<TaxRatesUpdated>(&world.bus).len(), events_of_whole, "{steps}");
        assert_eq!(events::<SyncFailed>(&world.bus).len(), 0, "{steps}");
    }
    assert!(kills > 15, "{kills}");
    Ok(())
}

#[tokio::test]
async fn a_service_that_fails_for_long_ends_the_run_and_the_next_begins_there() -> Outcome {
    let world = World::new().await?;
    let synchronizer = world.synchronizer()?;

    [Fault::Slow(Duration::ZERO), Fault::Status(503), Fault::Hang, Fault::CutAfter]
        .into_iter()
        .for_each(|fault| world.service.faults().push(fault));
    let failed = synchronizer.run().await.unwrap_err();
    let summary = synchronizer.run().await?;

    assert!(matches!(failed, SyncError::Service(_)), "{failed}");
    let told = events::<SyncFailed>(&world.bus);
    assert_eq!((told.len(), told[0].cursor.as_deref(), told[0].retryable), (1, Some("c-2"), true));
    assert_eq!(summary.pages, 3);
    assert_eq!(world.rates().await?, expected());
    assert_eq!(events::<SyncStarted>(&world.bus).len(), 2);
    assert_eq!(events::<ExternalRequestFailed>(&world.bus)[0].attempts, 3);
    Ok(())
}

#[tokio::test]
async fn what_the_service_answers_in_place_of_a_page_changes_nothing() -> Outcome {
    for fault in [Fault::GarbledAfter, Fault::HugeAfter(3 << 20), Fault::Status(403), Fault::StatusAfter(500)] {
        let world = World::new().await?;
        world.service.faults().always(Some(fault));

        let failed = world.synchronizer()?.run().await.unwrap_err();

        assert!(matches!(failed, SyncError::Service(_)), "{fault:?}: {failed}");
        assert!(world.rates().await?.is_empty(), "{fault:?}");
        let told = format!("{failed} {failed:?} {}", everything(&world.bus));
        assert!(!told.contains(TOKEN));
    }
    Ok(())
}

#[tokio::test]
async fn of_two_who_run_at_once_neither_does_harm() -> Outcome {
    let world = World::new().await?;
    let (one, other) = (world.synchronizer()?, world.synchronizer()?);

    let (one, other) = tokio::join!(one.run(), other.run());

    for result in [&one, &other] {
        assert!(matches!(result, Ok(_) | Err(SyncError::Contended(_))), "{result:?}");
    }
    if one.is_err() && other.is_err() {
        world.synchronizer()?.run().await?;
    }
    assert_eq!(world.rates().await?, expected());
    Ok(())
}
