//! A second, simple set of books, kept from committed records alone: sequences, balances, the sum of each
//! leg, and a price worked out by hand where that is easy.

use std::collections::{BTreeMap, BTreeSet};

use tollkeeper::codec::{DecodedRecord, EventDecoder, RecordDecoder, SchemaSet, UsageKind};
use tollkeeper::domain::{Body, Cause, Event, License, Money};
use tollkeeper::flow::Destination;

use super::checks::Broken;
use super::log::{Log, Message};
use super::rates::plain_total;
use super::reference::Office;

#[derive(Debug, Default)]
struct Account {
    sequence: i64,
    balance: Money,
    legs: BTreeMap<String, Leg>,
    /// `payment/…` and `adjustment/…`, with their amounts.
    entries: BTreeMap<String, Money>,
}

#[derive(Debug, Default)]
struct Leg {
    total: Money,
    finals: u32,
    records: BTreeSet<String>,
    cause: Option<Cause>,
}

/// All tenants' books.
#[derive(Debug)]
pub struct Books {
    decoder: RecordDecoder,
    accounts: BTreeMap<(i32, String), Account>,
    /// Input records rejected, by partition.
    rejected: BTreeMap<i32, BTreeSet<i64>>,
    pub records: u64,
}

impl Books {
    pub fn new() -> Self {
        Books {
            decoder: RecordDecoder::new(SchemaSet::builtin()),
            accounts: BTreeMap::new(),
            rejected: BTreeMap::new(),
            records: 0,
        }
    }

    /// A committed record.
    pub fn take(
        &mut self,
        partition: i32,
        topic: Destination,
        message: &Message,
    ) -> Result<(), Broken> {
        self.records += 1;
        if topic == Destination::Rejected {
            return self.reject(partition, message);
        }
        let payload = message.payload.as_deref().unwrap_or_default();
        let decoded = self
            .decoder
            .decode(payload)
            .map_err(|error| error.to_string())?;
        match decoded {
            DecodedRecord::RatedUsage(usage) => {
                let account = self.account(partition, usage.tenant_id);
                account.book(
                    usage.entry_sequence,
                    (usage.balance_before, -usage.amount, usage.balance_after),
                )?;
                let leg = account.legs.entry(usage.call_id).or_default();
                leg.total += usage.amount;
                leg.finals += u32::from(usage.kind == UsageKind::Final);
                leg.cause = Some(usage.cause);
                let id = usage.record_id;
                if leg.total != usage.call_total {
                    let total = leg.total;
                    return Err(format!(
                        "`{id}` says {:?} in all, its leg {total:?}",
                        usage.call_total
                    ));
                }
                if leg.finals > 1 {
                    return Err(format!("`{id}`: a second FINAL"));
                }
                if !leg.records.insert(id.clone()) {
                    return Err(format!("`{id}` twice"));
                }
            }
            DecodedRecord::WalletEntry(entry) => {
                let account = self.account(partition, entry.tenant_id);
                account.book(
                    entry.entry_sequence,
                    (entry.balance_before, entry.amount, entry.balance_after),
                )?;
                let id = entry.record_id;
                if account.entries.insert(id.clone(), entry.amount).is_some() {
                    return Err(format!("`{id}` twice"));
                }
            }
            other => return Err(format!("{other:?} among the usage")),
        }
        Ok(())
    }

    fn account(&mut self, partition: i32, tenant: String) -> &mut Account {
        self.accounts.entry((partition, tenant)).or_default()
    }

    fn reject(&mut self, partition: i32, message: &Message) -> Result<(), Broken> {
        let offset = message
            .headers
            .iter()
            .rfind(|(name, _)| name == "tollkeeper.errors.offset")
            .and_then(|(_, value)| std::str::from_utf8(value.as_deref()?).ok()?.parse().ok());
        let offset: i64 = offset.ok_or("a rejected record does not say where it stood")?;
        if self.rejected.entry(partition).or_default().insert(offset) {
            return Ok(());
        }
        Err(format!("the record at {offset} is rejected twice"))
    }

    /// Everything was processed and all legs are closed: each event has its answer, each leg its price.
    pub fn settle(
        &self,
        office: &Office,
        inputs: &[Log],
        balances: &BTreeMap<(i32, String), Money>,
    ) -> Result<(), Broken> {
        for (place, balance) in balances {
            let booked = self
                .accounts
                .get(place)
                .map_or(Money::ZERO, |account| account.balance);
            if booked != *balance {
                let tenant = &place.1;
                return Err(format!(
                    "tenant {tenant}: {balance:?} in memory, {booked:?} booked"
                ));
            }
        }
        for (partition, input) in (0..).zip(inputs) {
            let mut plain = BTreeMap::new();
            for (offset, message) in input.committed(input.start(), input.end()) {
                let rejected = self.rejected.get(&partition);
                if rejected.is_some_and(|offsets| offsets.contains(&offset)) {
                    continue;
                }
                self.settle_event(partition, offset, &office.decoder, message, &mut plain)?;
            }
            // Where the log's beginning is lost, so are starts and ends.
            if input.start() == 0 {
                self.settle_prices(partition, &plain)?;
            }
        }
        Ok(())
    }

    fn settle_event(
        &self,
        partition: i32,
        offset: i64,
        decoder: &EventDecoder,
        message: &Message,
        plain: &mut BTreeMap<(String, String), Plain>,
    ) -> Result<(), Broken> {
        let unanswered = |what: &str| Err(format!("partition {partition} offset {offset}: {what}"));
        let Ok(event) = decoder.decode(message.payload.as_deref()) else {
            return unanswered("no event, and not rejected");
        };
        let tenant = event.tenant_id.to_string();
        let account = self.accounts.get(&(partition, tenant.clone()));
        note_plain(&event, &tenant, plain);
        match &event.body {
            Body::CallStarted(start) => {
                let leg = account.and_then(|account| account.legs.get(&*start.call_id));
                if leg.is_none_or(|leg| leg.finals != 1) {
                    let what = format!("a start without a FINAL, and not rejected: {event:?}");
                    return unanswered(&what);
                }
            }
            Body::CallEnded(end) => {
                if account.is_none_or(|account| !account.legs.contains_key(&*end.call_id)) {
                    return unanswered("an end without its leg, and not rejected");
                }
            }
            Body::CreditGranted(grant) => {
                let id = format!("payment/{}", grant.payment_id);
                let booked = account.and_then(|account| account.entries.get(&id));
                if booked != Some(&grant.amount) {
                    return unanswered("a grant without its entry, and not rejected");
                }
            }
            Body::CreditAdjusted(adjustment) => {
                let id = format!("adjustment/{}", adjustment.adjustment_id);
                let booked = account.and_then(|account| account.entries.get(&id));
                if booked != Some(&adjustment.amount) {
                    return unanswered("an adjustment without its entry, and not rejected");
                }
            }
            Body::CallMinuteTick(_) | Body::RechargeFailed(_) | Body::TenantConfigured(_) => {}
        }
        Ok(())
    }

    /// Legs whose price needs no rulebook: each minute begun at one rate, whatever became of the wallet.
    fn settle_prices(
        &self,
        partition: i32,
        plain: &BTreeMap<(String, String), Plain>,
    ) -> Result<(), Broken> {
        for ((tenant, call), seen) in plain {
            let (Some(rated), Some(seconds)) = (&seen.rated, seen.seconds) else {
                continue;
            };
            let account = &self.accounts[&(partition, tenant.clone())];
            let leg = &account.legs[call];
            // A refusal that was obeyed costs nothing; what came after silence was late.
            let obeyed = leg.cause == Some(Cause::Refused) && seconds < 60;
            let priced = if obeyed {
                Some(Money::ZERO)
            } else {
                plain_total(rated, seconds)
            };
            if let Some(expected) = priced
                && leg.total != expected
                && !(leg.total.is_zero() && seconds < 60)
            {
                let total = leg.total;
                return Err(format!(
                    "call {call} of {tenant} lasted {seconds} s and costs {total:?}, by hand {expected:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Account {
    fn book(
        &mut self,
        sequence: i64,
        (before, change, after): (Money, Money, Money),
    ) -> Result<(), Broken> {
        if sequence != self.sequence + 1 {
            return Err(format!("entry {sequence} follows {}", self.sequence));
        }
        if before != self.balance || before + change != after {
            let balance = self.balance;
            return Err(format!(
                "entry {sequence}: {before:?} and {change:?} make {after:?}, after {balance:?}"
            ));
        }
        self.sequence = sequence;
        self.balance = after;
        Ok(())
    }
}

/// What the input says of a leg that is easy to price.
#[derive(Debug, Default)]
struct Plain {
    rated: Option<String>,
    seconds: Option<i32>,
    told: BTreeSet<i32>,
}

fn note_plain(event: &Event<'_>, tenant: &str, plain: &mut BTreeMap<(String, String), Plain>) {
    match &event.body {
        Body::CallStarted(start) => {
            let easy = start.license == License::PayPerMinute && !start.emergency;
            let number = start.remote_number.as_deref();
            let rated = number.filter(|_| easy && start.bridge_number.is_none());
            let rated = rated.map(str::to_owned);
            let key = (tenant.to_owned(), start.call_id.to_string());
            plain.entry(key).or_default().rated = rated;
        }
        // The last end counts that is not rejected and says what none said before.
        Body::CallEnded(end) => {
            let key = (tenant.to_owned(), end.call_id.to_string());
            let plain = plain.entry(key).or_default();
            if plain.told.insert(end.duration_seconds) {
                plain.seconds = Some(end.duration_seconds);
            }
        }
        _ => {}
    }
}
