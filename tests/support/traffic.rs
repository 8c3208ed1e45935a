//! Traffic by a seed: tenants, credit, calls in every state, and some nonsense.

use tollkeeper::codec::{Partitioner, encode_event, parse_line, partition_of};
use tollkeeper::kafka::Publisher;

use super::{Deployment, WAIT, now};

/// A rate card that the traffic's calls find their rows in.
pub const CARD: &str = "\
kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium
DIAL_OUT,49,Germany,DE,0.018,0.01,60,60,2020-01-01,,,,,,,
DIAL_OUT,44,United Kingdom,GB,0.021,,1,1,2020-01-01,,,,,,,
DIAL_OUT,1,North America,US,0.009,,30,6,2020-01-01,,,,,,,
DIAL_IN_TOLL_FREE,1800,Toll free,US,0.03,,60,1,2020-01-01,,,,,,,
DIAL_IN_TOLL,4930,Berlin,DE,0.011,,60,60,2020-01-01,,,,,,,
";

/// A source of events. The same seed makes the same traffic.
pub struct Traffic {
    seed: u64,
    tenants: u64,
    numbers: u64,
    live: Vec<(u64, u64, u64)>,
}

impl Traffic {
    /// Traffic of so many tenants.
    pub fn new(seed: u64, tenants: u64) -> Self {
        Traffic {
            seed: seed.max(1),
            tenants,
            numbers: 0,
            live: Vec::new(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        // xorshift64: repeatable and good enough to mix cases.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Every tenant's configuration and first credit.
    pub fn founding(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for tenant in 0..self.tenants {
            let mode = ["PREPAID", "PREPAID_THEN_POSTPAID"][usize::from(tenant % 7 == 0)];
            lines.push(self.line(
                "TenantConfigured",
                tenant,
                &format!(
                    r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"{mode}","low_credit":[{{"kind":"AMOUNT","value":"0.05"}}]"#
                ),
            ));
            lines.push(self.grant(tenant));
        }
        lines
    }

    /// The next events.
    pub fn next(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.event()).collect()
    }

    fn event(&mut self) -> String {
        let tenant = self.draw(self.tenants);
        match self.draw(100) {
            0..25 => self.start(tenant),
            25..75 => self.tick().unwrap_or_else(|| self.start(tenant)),
            75..92 => self.end().unwrap_or_else(|| self.start(tenant)),
            92..97 => self.grant(tenant),
            97 => {
                let stranger = self.tenants + tenant;
                self.start(stranger)
            }
            98 => self.line(
                "CallMinuteTick",
                tenant,
                r#""call_id":"nobody's","minute":0"#,
            ),
            _ => "nonsense".to_owned(),
        }
    }

    fn grant(&mut self, tenant: u64) -> String {
        let (payment, cents) = (self.number(), self.draw(30) + 1);
        self.line(
            "CreditGranted",
            tenant,
            &format!(
                r#""payment_id":"p{payment}","amount":"0.{cents:02}","currency":"EUR","kind":"PURCHASE""#
            ),
        )
    }

    fn start(&mut self, tenant: u64) -> String {
        const LEGS: [&str; 4] = [
            r#""leg":"DIAL_OUT","remote_number":"+4930123456""#,
            r#""leg":"DIAL_OUT","remote_number":"+442071234567""#,
            r#""leg":"DIAL_OUT","remote_number":"+12125551234""#,
            r#""leg":"DIAL_IN_TOLL_FREE","bridge_number":"+18005551234","remote_number":"+12125551234""#,
        ];
        let call = self.number();
        self.live.push((call, tenant, 0));
        let leg = LEGS[usize::try_from(self.draw(4)).expect("below four")];
        let at = now();
        self.line(
            "CallStarted",
            tenant,
            &format!(
                r#""call_id":"c{call}","answered_at":"{at}",{leg},"organizer_id":"o","organizer_country":"DE","license":"PAY_PER_MINUTE""#
            ),
        )
    }

    fn tick(&mut self) -> Option<String> {
        let place = self.pick()?;
        let (call, tenant, minute) = &mut self.live[place];
        *minute += 1;
        let (call, tenant, minute) = (*call, *tenant, *minute);
        Some(self.line(
            "CallMinuteTick",
            tenant,
            &format!(r#""call_id":"c{call}","minute":{minute}"#),
        ))
    }

    fn end(&mut self) -> Option<String> {
        let place = self.pick()?;
        let (call, tenant, minute) = self.live.swap_remove(place);
        let seconds = 60 * minute + self.draw(60);
        Some(self.line(
            "CallEnded",
            tenant,
            &format!(r#""call_id":"c{call}","duration_seconds":{seconds}"#),
        ))
    }

    fn pick(&mut self) -> Option<usize> {
        let count = u64::try_from(self.live.len()).expect("few calls");
        (count > 0).then(|| usize::try_from(self.draw(count)).expect("below the count"))
    }

    fn line(&mut self, kind: &str, tenant: u64, fields: &str) -> String {
        let event = self.number();
        let at = now();
        format!(
            r#"{{"type":"{kind}","event_id":"e{event}","tenant_id":"tenant-{tenant}","occurred_at":"{at}",{fields}}}"#
        )
    }
}

/// Sends lines as a telephony platform would: half as JSON, half as Avro, nonsense as it is, and
/// now and then a record to a wrong partition.
pub fn publish(deployment: &Deployment, partitions: i32, lines: &[String]) {
    let cluster = deployment.cluster();
    let publisher =
        Publisher::new(&cluster.connection(), &cluster.topics().events).expect("a publisher");
    for (place, line) in lines.iter().enumerate() {
        let Ok(event) = parse_line(line).event else {
            publisher
                .send(0, b"nobody", line.as_bytes(), 0)
                .expect("sent");
            continue;
        };
        let key = event.tenant_id.as_bytes();
        let mut partition = partition_of(Partitioner::Murmur2, key, partitions);
        if place % 397 == 396 {
            partition = (partition + 1) % partitions;
        }
        if place % 2 == 0 {
            publisher
                .send(partition, key, line.as_bytes(), 0)
                .expect("sent");
        } else {
            let mut payload = Vec::new();
            encode_event(&event, &mut payload);
            publisher.send(partition, key, &payload, 0).expect("sent");
        }
    }
    let count = u64::try_from(lines.len()).expect("few lines");
    publisher.finish(count, WAIT, |_| {}).expect("arrived");
}
