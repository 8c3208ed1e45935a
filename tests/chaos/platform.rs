//! A telephony platform and a payment system that publish without a pause: calls, their minutes and
//! ends, top-ups; some of it twice, early or late.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tollkeeper::codec::{Partitioner, encode_event, parse_line, partition_of};
use tollkeeper::domain::{
    Body, CallEnded, CallMinuteTick, CallStarted, Country, CreditGranted, Currency, Event, LegKind,
    License, LotKind, Money,
};
use tollkeeper::kafka::{Clock, Publisher};

use crate::draw::Draw;
use crate::support::traffic::CARD;
use crate::support::{Deployment, now};
use crate::watch::micros;

/// One tenant in so many is always short of credit.
const POOR: usize = 50;
/// The longest that records may be on their way, brokers gone meanwhile.
const SILENCE: Duration = Duration::from_secs(120);
/// Calls are this many minutes long at most, minus one.
const MINUTES: u64 = 32;

/// What is published.
#[derive(Clone)]
pub struct Plan {
    /// Draws by it.
    pub seed: u64,
    /// Partitions of the events topic.
    pub partitions: i32,
    /// Events a second.
    pub rate: u64,
    /// Who pays.
    pub tenants: usize,
    /// Calls at a time.
    pub live_calls: usize,
    /// When calls cease to be left to be closed by silence.
    pub silent_until: Instant,
    /// One event in so many brings credit to a tenant that is not short of it.
    pub grants: u64,
    /// What moments are taken from.
    pub clock: Clock,
}

/// The platform at work; stopped when dropped.
pub struct Platform {
    told: Arc<Told>,
    thread: Option<JoinHandle<u64>>,
}

#[derive(Default)]
struct Told {
    stop: AtomicBool,
    sent: AtomicU64,
    arrived: AtomicU64,
}

impl Platform {
    /// Publishes the rate card and the tenants, each with credit.
    pub fn found(deployment: &Deployment, plan: &Plan) {
        let card = deployment.file("standard.csv", CARD);
        deployment.done(&format!(
            "rates publish {card} --card standard --currency EUR"
        ));
        let mut lines = String::new();
        for tenant in 0..plan.tenants {
            for (kind, fields) in [
                (
                    "TenantConfigured",
                    r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID","low_credit":[{"kind":"AMOUNT","value":"1"}]"#.to_owned(),
                ),
                (
                    "CreditGranted",
                    format!(
                        r#""payment_id":"first","amount":"{}","currency":"EUR","kind":"PURCHASE""#,
                        if tenant % POOR == 0 { 1 } else { 1_000_000 }
                    ),
                ),
            ] {
                writeln!(
                    lines,
                    r#"{{"type":"{kind}","event_id":"e","tenant_id":"tenant-{tenant}","occurred_at":"{}",{fields}}}"#,
                    now()
                )
                .expect("a string takes any text");
            }
        }
        let file = deployment.file("tenants.jsonl", &lines);
        deployment.done(&format!("publish {file}"));
    }

    /// Starts to publish, on a thread of its own.
    pub fn start(deployment: &Deployment, plan: Plan) -> Self {
        let cluster = deployment.cluster();
        let topic = cluster.topics().events;
        let publisher = Publisher::new(&cluster.connection(), &topic).expect("a producer");
        let told = Arc::new(Told::default());
        let publishing = Publishing {
            draw: Draw::new(plan.seed),
            publisher,
            tenants: (0..plan.tenants).map(|n| format!("tenant-{n}")).collect(),
            live: Vec::with_capacity(plan.live_calls),
            ended: VecDeque::new(),
            calls: 0,
            payments: 0,
            sent: 0,
            payload: Vec::new(),
            told: Arc::clone(&told),
            plan,
        };
        Platform {
            told,
            thread: Some(thread::spawn(move || publishing.publish())),
        }
    }

    /// How many events have been sent, and how many have arrived.
    pub fn sent(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.told.sent), read(&self.told.arrived))
    }

    /// Ends every call and waits until all has arrived; how many calls there were.
    pub fn stop(&mut self) -> u64 {
        self.told.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is stopped once");
        thread.join().expect("everything was published")
    }

    /// Fails if it can publish no more.
    pub fn must_be_well(&self) {
        let ended = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        assert!(!ended, "the platform cannot publish any more");
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.told.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whatever it says now, something else has failed already.
            let _ = thread.join();
        }
    }
}

struct Call {
    number: u64,
    tenant: usize,
    /// Full minutes told.
    minute: i32,
    /// How many there will be.
    minutes: i32,
}

struct Publishing {
    plan: Plan,
    draw: Draw,
    publisher: Publisher,
    tenants: Vec<String>,
    live: Vec<Call>,
    /// Of which a second end may come.
    ended: VecDeque<Call>,
    calls: u64,
    payments: u64,
    sent: u64,
    payload: Vec<u8>,
    told: Arc<Told>,
}

impl Publishing {
    fn publish(mut self) -> u64 {
        let mut since = Instant::now();
        let mut before = 0;
        while !self.told.stop.load(Ordering::Relaxed) {
            let elapsed = u64::try_from(since.elapsed().as_micros()).expect("a short time");
            let due = before + elapsed * self.plan.rate / 1_000_000;
            // After an outage it does not catch up.
            if due > self.sent + 2 * self.plan.rate {
                (since, before) = (Instant::now(), self.sent);
                continue;
            }
            while self.sent < due {
                self.event();
            }
            self.told.sent.store(self.sent, Ordering::Relaxed);
            let arrived = self.publisher.delivered();
            self.told.arrived.store(arrived, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(5));
        }
        while let Some(call) = self.live.pop() {
            self.end(&call, 0);
        }
        let finished = self.publisher.finish(self.sent, SILENCE, |_| {});
        finished.expect("every event arrives");
        self.calls
    }

    fn event(&mut self) {
        if self.live.len() < self.plan.live_calls {
            return self.begin();
        }
        let place = self.draw.index(self.live.len());
        let call = &mut self.live[place];
        let (tenant, minute) = (call.tenant, call.minute + 1);
        if minute > call.minutes {
            let call = self.live.swap_remove(place);
            self.end(&call, 0);
            self.end_again(call);
        } else {
            call.minute = minute;
            let number = call.number;
            self.tick(tenant, number, minute);
            if self.draw.once_in(200) {
                self.tick(tenant, number, minute);
            }
        }
        let poor = tenant % POOR == 0;
        if self.draw.once_in(if poor { 80 } else { self.plan.grants }) {
            self.grant(tenant);
        }
    }

    fn begin(&mut self) {
        let (tenant, number) = (self.draw.index(self.tenants.len()), self.calls);
        self.calls += 1;
        let minutes = i32::try_from(self.draw.below(MINUTES)).expect("a small number");
        if minutes > 0 && self.draw.once_in(200) {
            // It is parked until its start comes.
            self.tick(tenant, number, 1);
        }
        let (leg, remote, bridge) = self.draw.pick(&[
            (LegKind::DialOut, "+4930123456", None),
            (LegKind::DialOut, "+442071234567", None),
            (LegKind::DialOut, "+12125551234", None),
            (
                LegKind::DialInTollFree,
                "+12125551234",
                Some("+18005551234"),
            ),
        ]);
        let started = CallStarted {
            call_id: Cow::Owned(format!("c{number}")),
            conference_id: None,
            answered_at: (self.plan.clock)(),
            leg,
            bridge_number: bridge.map(Cow::Borrowed),
            remote_number: Some(Cow::Borrowed(remote)),
            organizer_id: Cow::Borrowed("o"),
            organizer_country: Country::parse("DE").expect("a country"),
            license: License::PayPerMinute,
            dial_out_policy: None,
            emergency: false,
        };
        self.send(tenant, Body::CallStarted(started));
        if Instant::now() < self.plan.silent_until && self.draw.once_in(500) {
            // Nothing more is heard of it.
            return;
        }
        self.live.push(Call {
            number,
            tenant,
            minute: 0,
            minutes,
        });
    }

    fn tick(&mut self, tenant: usize, number: u64, minute: i32) {
        let tick = CallMinuteTick {
            call_id: Cow::Owned(format!("c{number}")),
            minute,
        };
        self.send(tenant, Body::CallMinuteTick(tick));
    }

    fn end(&mut self, call: &Call, more: i32) {
        let ended = CallEnded {
            call_id: Cow::Owned(format!("c{}", call.number)),
            duration_seconds: 60 * call.minute + 20 + more,
            cause: None,
        };
        self.send(call.tenant, Body::CallEnded(ended));
    }

    /// Now and then an end comes again a while later, as it was or longer.
    fn end_again(&mut self, call: Call) {
        if self.draw.once_in(50) {
            self.ended.push_back(call);
        }
        if self.ended.len() > 100
            && let Some(call) = self.ended.pop_front()
        {
            let more = self.draw.pick(&[0, 90]);
            self.end(&call, more);
        }
    }

    fn grant(&mut self, tenant: usize) {
        self.payments += 1;
        let granted = CreditGranted {
            payment_id: Cow::Owned(format!("p{}", self.payments)),
            amount: Money::from_micros(1_000_000),
            currency: Currency::parse("EUR").expect("a currency"),
            kind: LotKind::Purchase,
            expires_at: None,
            request_id: None,
        };
        self.send(tenant, Body::CreditGranted(granted));
    }

    fn send(&mut self, tenant: usize, body: Body<'static>) {
        let tenant = &self.tenants[tenant];
        let at = (self.plan.clock)();
        let event = Event {
            event_id: Cow::Owned(micros().to_string()),
            tenant_id: Cow::Borrowed(tenant.as_str()),
            occurred_at: at,
            body,
        };
        self.payload.clear();
        encode_event(&event, &mut self.payload);
        let key = tenant.as_bytes();
        let home = partition_of(Partitioner::Murmur2, key, self.plan.partitions);
        self.publisher
            .send(home, key, &self.payload, at.millis())
            .expect("every event is taken");
        self.sent += 1;
    }
}

/// Publishes records that no worker can use, so many to each partition.
pub fn poison(deployment: &Deployment, draw: &mut Draw, partitions: i32) -> u64 {
    let cluster = deployment.cluster();
    let topic = cluster.topics().events;
    let publisher = Publisher::new(&cluster.connection(), &topic).expect("a producer");
    let mut sent = 0;
    for partition in 0..partitions {
        for _ in 0..=draw.below(20) {
            let (key, value) = poisonous(draw);
            publisher
                .send(partition, &key, &value, 0)
                .expect("it is taken");
            sent += 1;
        }
    }
    publisher.finish(sent, SILENCE, |_| {}).expect("arrived");
    sent
}

fn poisonous(draw: &mut Draw) -> (Vec<u8>, Vec<u8>) {
    let tenant = b"tenant-1".to_vec();
    let event = |body: &str| {
        let line = format!(
            r#"{{"type":"CallMinuteTick","event_id":"poison","tenant_id":"tenant-1","occurred_at":"{}",{body}}}"#,
            now()
        );
        line.into_bytes()
    };
    match draw.below(7) {
        0 => (Vec::new(), Vec::new()),
        1 => (tenant, b"nonsense".to_vec()),
        // As large as the topic takes.
        2 => (tenant, vec![b'x'; 1_000_000]),
        // Of a partition that most of these are not sent to.
        3 => (tenant, event(r#""call_id":"poison","minute":1"#)),
        4 => (tenant, event(r#""call_id":"poison","minute":-1"#)),
        5 => (
            b"stranger".to_vec(),
            event(r#""call_id":"poison","minute":1"#),
        ),
        _ => {
            // A sound event with a byte that is not.
            let line = String::from_utf8(event(r#""call_id":"poison","minute":1"#));
            let parsed = parse_line(&line.expect("text"));
            let mut bytes = Vec::new();
            encode_event(&parsed.event.expect("an event"), &mut bytes);
            let place = draw.index(bytes.len());
            bytes[place] ^= 1 << draw.below(8);
            (tenant, bytes)
        }
    }
}
