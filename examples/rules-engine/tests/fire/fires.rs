//! What happens: all of it in turn, in an order that is drawn anew for each turn.

use std::sync::Arc;
use std::time::Duration;

use eventsmith::Bus;
use eventsmith::admin::BusAdmin;
use eventsmith::testing::NatsServer;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rules_engine_edge::played::{Fault, PlayedGateway};
use tokio::time::{Instant, sleep, sleep_until};

use crate::fleet::Fleet;
use crate::{Outcome, raw};

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fire {
    KillService,
    KillSeveral,
    RollService,
    PauseService,
    TwoInstances,
    KillServer,
    RestartServer,
    GatewayHangs,
    GatewayUnheard,
    Poison,
    Malformed,
}

const ALL: [Fire; 11] = [
    Fire::KillService,
    Fire::KillSeveral,
    Fire::RollService,
    Fire::PauseService,
    Fire::TwoInstances,
    Fire::KillServer,
    Fire::RestartServer,
    Fire::GatewayHangs,
    Fire::GatewayUnheard,
    Fire::Poison,
    Fire::Malformed,
];

/// What services consume, and how many of them act on it: promotions and evaluation on rules, and the saga of rules management on their
/// activation; on payments nobody, as the projection that makes summaries of them passes over what is bad.
const CONSUMED: [(&str, usize); 3] =
    [("rules.domain.rule.activated", 3), ("rules.domain.rule.deleted", 2), ("rules.domain.payment.captured", 0)];
/// How long it may take until the last bad message is a dead letter.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest and shortest rest between two.
const REST_MS: std::ops::Range<u64> = 1_000..3_500;

pub(crate) struct Fires {
    random: StdRng,
    server: NatsServer,
    gateway: Arc<PlayedGateway>,
    pub(crate) fleet: Fleet,
    begun: Instant,
    counts: Vec<(Fire, usize)>,
    bad: usize,
}

impl Fires {
    pub(crate) fn new(random: StdRng, server: NatsServer, gateway: Arc<PlayedGateway>, fleet: Fleet) -> Self {
        let counts = ALL.map(|fire| (fire, 0)).to_vec();
        Self { random, server, gateway, fleet, begun: Instant::now(), counts, bad: 0 }
    }

    /// One after the other until a time; what is then is left to come back.
    pub(crate) async fn until(&mut self, end: Instant) -> Outcome {
        let mut deck = Vec::new();
        loop {
            if deck.is_empty() {
                deck = ALL.to_vec();
                deck.shuffle(&mut self.random);
            }
            let rest = Duration::from_millis(self.random.random_range(REST_MS));
            self.wait(rest).await?;
            let Some(fire) = deck.pop().filter(|_| Instant::now() < end) else { return Ok(()) };
            self.light(fire).await?;
            self.counts.iter_mut().filter(|(it, _)| *it == fire).for_each(|(_, count)| *count += 1);
        }
    }

    /// Waits, and starts what has ended meanwhile.
    async fn wait(&mut self, time: Duration) -> Outcome {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.fleet.mend()?;
            sleep_until(end.min(Instant::now() + Duration::from_millis(100))).await;
        }
        Ok(())
    }

    fn say(&self, what: &str) {
        println!("{:6.1} s: {what}", self.begun.elapsed().as_secs_f64());
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.random_range(range))
    }

    async fn light(&mut self, fire: Fire) -> Outcome {
        let which = self.random.random_range(0..self.fleet.len());
        match fire {
            Fire::KillService => {
                let down = self.millis(0..3_000);
                let service = self.fleet.kill(which, down);
                self.say(&format!("kill -9 {service}, down for {down:?}"));
            }
            Fire::KillSeveral => {
                let mut all: Vec<usize> = (0..self.fleet.len()).collect();
                all.shuffle(&mut self.random);
                let count = self.random.random_range(2..6);
                let down = self.millis(0..2_000);
                let services: Vec<_> = all[..count].iter().map(|one| self.fleet.kill(*one, down)).collect();
                self.say(&format!("kill -9 {}, down for {down:?}", services.join(", ")));
            }
            Fire::RollService => {
                let service = self.fleet.terminate(which)?;
                self.say(&format!("{service} is rolled"));
            }
            Fire::PauseService => {
                let (service, time) = (self.fleet.pause(which)?, self.millis(1_000..6_000));
                self.say(&format!("{service} is stopped for {time:?} and goes on"));
                self.wait(time).await?;
                self.fleet.go_on()?;
            }
            Fire::TwoInstances => {
                let (service, time) = (self.fleet.double(which)?, self.millis(3_000..6_000));
                let is_first = self.random.random();
                let killed = if is_first { "first" } else { "second" };
                self.say(&format!("{service} runs twice for {time:?}, then kill -9 of the {killed}"));
                self.wait(time).await?;
                self.fleet.halve(which, is_first);
            }
            Fire::KillServer => {
                let down = self.millis(100..2_000);
                self.say(&format!("kill -9 nats-server, down for {down:?}"));
                self.server.kill()?;
                sleep(down).await;
                self.server.start_again().await?;
            }
            Fire::RestartServer => {
                self.say("nats-server is restarted");
                self.server.restart().await?;
            }
            Fire::GatewayHangs => {
                let time = self.millis(1_000..8_000);
                self.say(&format!("the gateway hangs for {time:?}"));
                self.gateway.faults().always(Some(Fault::Hang));
                self.wait(time).await?;
                self.gateway.faults().always(None);
            }
            Fire::GatewayUnheard => {
                self.say("six answers of the gateway are lost");
                let faults = [Fault::HangAfter, Fault::CutAfter, Fault::StatusAfter(502), Fault::GarbledAfter];
                for _ in 0..6 {
                    self.gateway.faults().push(faults[self.random.random_range(0..faults.len())]);
                }
            }
            Fire::Poison => self.publish("no envelope", b"", b"{\"poison\":true}").await?,
            Fire::Malformed => {
                self.publish("a malformed header", raw::MALFORMED, b"{}").await?;
                self.publish("a deadly header", raw::DEADLY, b"{}").await?;
            }
        }
        Ok(())
    }

    /// Something bad on each subject that is consumed.
    async fn publish(&mut self, what: &str, head: &[u8], payload: &[u8]) -> Outcome {
        self.say(&format!("{what} on {}", CONSUMED.map(|(subject, _)| subject).join(", ")));
        for (subject, _) in CONSUMED {
            self.bad += 1;
            let subject = format!("{subject}.bad_{}", self.bad);
            raw::publish(self.server.port(), &subject, head, payload).await?;
        }
        Ok(())
    }

    /// How many dead letters there are, by consumer and reason, once every bad message is one of each service that acts on its subject.
    pub(crate) async fn dead_letters(&self, bus: &Bus) -> Outcome<String> {
        let actors: usize = CONSUMED.iter().map(|(_, actors)| actors).sum();
        let (end, wanted) = (Instant::now() + PATIENCE, u64::try_from(self.bad / CONSUMED.len() * actors)?);
        loop {
            let counted = bus.count_dead_letters("rules", 100_000).await?;
            let counts = counted.map(|counted| counted.counts).unwrap_or_default();
            let told = counts.iter().map(|((consumer, _, why), count)| format!("{consumer} {count} {why}"));
            let (sum, told) = (counts.values().sum::<u64>(), told.collect::<Vec<_>>().join(", "));
            match sum == wanted {
                true => return Ok(told),
                false if Instant::now() < end && sum < wanted => sleep(Duration::from_millis(200)).await,
                false => return Err(format!("there should be {wanted} dead letters, and there are {told}").into()),
            }
        }
    }

    /// How often each happened.
    pub(crate) fn told(&self) -> String {
        let counts: Vec<_> = self.counts.iter().map(|(fire, count)| format!("{fire:?} {count}")).collect();
        format!("{}, bad messages {}, ended by themselves {}", counts.join(", "), self.bad, self.fleet.ended)
    }
}
