//! A history put through the core, watched at every timer and record.

use std::borrow::Cow;
use std::sync::Arc;

use tollkeeper::charging::{Facts, Part, Partition, RawRef, Settings};
use tollkeeper::codec::record_to_json;
use tollkeeper::domain::{Body, Event, Moment, Record, TenantConfig};
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

use crate::history::{History, Step, TENANTS, What, body, configuration};

const HEAD: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,\
                    increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";
const ROWS: &str = "DIAL_OUT,49,Germany,DE,0.31,0.05,30,6,,,,,,,,\n\
                    DIAL_OUT,44,United Kingdom,GB,0.7,,60,60,,,,,,,,\n\
                    DIAL_OUT,1,North America,US,0.013333,,1,1,,,,,,,,\n\
                    DIAL_IN_TOLL_FREE,49,Germany,DE,0.11,,180,60,,,,,,,,\n";

/// Prices that change from one minute to the next, billed by increments that reach into a further minute.
pub const BANDS: &str = "DIAL_OUT,49,Germany,DE,0.31,0.05,180,60,,,,,,,,\n\
                         DIAL_OUT,49,Germany,DE,3,,60,60,,,,10:02,10:04,,,\n\
                         DIAL_OUT,49,Germany,DE,0.01,,60,60,,,,10:05,23:59,,,\n\
                         DIAL_OUT,44,United Kingdom,GB,0.7,,60,50,,,,,,,,\n\
                         DIAL_OUT,44,United Kingdom,GB,0,,60,60,,,,10:01,10:03,,,\n\
                         DIAL_OUT,44,United Kingdom,GB,5,,60,60,,,,10:03,10:06,,,\n\
                         DIAL_OUT,1,North America,US,0.2,,60,7,,,,,,,,\n\
                         DIAL_OUT,1,North America,US,2,,60,60,,,,00:00,10:03,,,\n\
                         DIAL_IN_TOLL_FREE,49,Germany,DE,0.11,,180,60,,,,,,,,\n\
                         DIAL_IN_TOLL_FREE,49,Germany,DE,1.1,,60,60,,,,10:04,00:02,,,\n";

fn cards(rows: &str) -> RateCards {
    let rows = parse_csv(format!("{HEAD}\n{rows}").as_bytes()).expect("the card is good");
    let mut cards = RateCards::default();
    let card = RateCard::new(Arc::from("standard"), 1, None, rows);
    cards.publish(Arc::new(card), Moment::EARLIEST);
    cards
}

pub struct Run {
    pub partition: Partition,
    cards: RateCards,
    facts: Facts,
    pub first: Moment,
    pub now: Moment,
    offset: i64,
    pub published: Vec<Record>,
    /// The configuration of each tenant.
    pub configs: [TenantConfig; 2],
}

/// What just happened: a timer, or the record of a step.
pub struct Happened<'a> {
    pub what: Option<&'a Step>,
    pub records: &'a [Record],
}

impl Run {
    /// Two tenants of these configurations; at the end of a month or within it.
    pub fn new(variants: [u8; 2], month_end: bool) -> Self {
        Run::on_card(ROWS, variants, month_end)
    }

    /// The same on a card of these rows.
    pub fn on_card(rows: &str, variants: [u8; 2], month_end: bool) -> Self {
        let first = if month_end {
            "2026-11-30T23:57:00Z"
        } else {
            "2026-11-23T10:00:00Z"
        };
        let first = Moment::parse(first).expect("a moment");
        let mut run = Run {
            partition: Partition::new(0, Settings::default()),
            cards: cards(rows),
            facts: Facts::default(),
            first,
            now: first,
            offset: 0,
            published: Vec::new(),
            configs: variants.map(|variant| configuration(variant, 0)),
        };
        for (config, id) in run.configs.clone().into_iter().zip(TENANTS) {
            run.take(id, Some(Body::TenantConfigured(Box::new(config))));
        }
        run
    }

    pub fn of(history: &History) -> Self {
        Run::new(history.variants, history.month_end)
    }

    pub fn step(&mut self, step: &Step) {
        self.watched(step, &mut |_, _| ());
    }

    /// Takes a step and shows the run after each timer that it fired, then after its record.
    pub fn watched(&mut self, step: &Step, look: &mut impl FnMut(&Run, &Happened<'_>)) {
        let silence = match step.what {
            What::Silence { seconds } => seconds,
            _ => 0,
        };
        self.now = self.now.plus_seconds(step.after_s + silence);
        while !self.advance(1) {
            self.show(None, look);
        }
        self.show(None, look);
        if let What::Configure { variant } = step.what {
            self.configs[step.tenant] = configuration(variant, self.offset);
        }
        let body = body(&step.what, self.first, self.offset);
        self.apply(TENANTS[step.tenant], body);
        self.show(Some(step), look);
    }

    fn show(&mut self, what: Option<&Step>, look: &mut impl FnMut(&Run, &Happened<'_>)) {
        let records = std::mem::take(&mut self.facts.records);
        let records = &records;
        look(self, &Happened { what, records });
        self.published.extend_from_slice(records);
    }

    pub fn take(&mut self, tenant: &str, body: Option<Body<'_>>) {
        assert!(self.advance(usize::MAX));
        self.apply(tenant, body);
        self.published.append(&mut self.facts.records);
    }

    fn advance(&mut self, limit: usize) -> bool {
        let (cards, facts) = (&self.cards, &mut self.facts);
        self.partition.advance(self.now, cards, limit, facts)
    }

    fn apply(&mut self, tenant: &str, body: Option<Body<'_>>) {
        let raw = RawRef {
            offset: self.offset,
            timestamp: self.now,
            key: None,
            payload: None,
            headers: &[],
        };
        if let Some(body) = body {
            // A start is told again as it was: after the call is forgotten it is too late for it.
            let occurred_at = match &body {
                Body::CallStarted(start) => start.answered_at.min(self.now),
                _ => self.now,
            };
            let event = Event {
                event_id: Cow::Borrowed("e"),
                tenant_id: Cow::Borrowed(tenant),
                occurred_at,
                body,
            };
            let (cards, facts) = (&self.cards, &mut self.facts);
            self.partition.apply(raw, Ok(event), cards, facts);
        }
        self.offset += 1;
        self.facts.rejected.clear();
    }

    /// The partition as the journal would bring it back: every row written and read.
    pub fn restart(&mut self) {
        let mut restoring = Partition::restore(0, Settings::default());
        let mut after = None;
        while let Some(key) = self.partition.next_row(after) {
            for part in [Part::Fixed, Part::Moving] {
                let mut bytes = Vec::new();
                self.partition.write_row(key, part, &mut bytes);
                restoring
                    .put(key, part, &bytes)
                    .expect("what was written can be read");
            }
            after = Some(key);
        }
        let (time, next) = (self.partition.time(), self.partition.next_offset());
        self.partition = restoring.finish(time, next).expect("all rows are there");
    }

    pub fn transcript(&self) -> Vec<String> {
        let json = |record| record_to_json(record, "events").to_string();
        self.published.iter().map(json).collect()
    }
}
