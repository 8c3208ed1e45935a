//! Tells what happens, a line each, in the demo's own time.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use super::embedded::{Embedded, Heard};
use super::ledger::{Account, Ledger};
use super::story::{TENANTS, euro};
use crate::charging::TenantFigures;
use crate::domain::{Body, Event, Moment, Money};

/// Seconds of the demo's time between two lines about balances.
const BALANCES_EVERY: i64 = 300;

#[derive(Clone, Copy)]
enum Colour {
    Plain,
    Good,
    Warning,
    Bad,
}

/// What is told of the same moment comes in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Platform,
    Money,
    Notice,
    Order,
}

struct Line {
    tenant: String,
    colour: Colour,
    text: String,
}

/// Writes the story to standard output, in the order in which it happened.
pub(super) struct Teller {
    out: io::Stdout,
    coloured: bool,
    balances_at: Moment,
    lines: BTreeMap<(Moment, Rank, u64), Line>,
    noted: u64,
}

impl Teller {
    pub(super) fn new(opening: Moment) -> Self {
        let out = io::stdout();
        Teller {
            coloured: out.is_terminal(),
            out,
            balances_at: opening.plus_seconds(BALANCES_EVERY),
            lines: BTreeMap::new(),
            noted: 0,
        }
    }

    /// Where to look in.
    pub(super) fn opening(&mut self, embedded: &Embedded, speed: u32) -> io::Result<()> {
        let bootstrap = embedded.bootstrap();
        write!(
            self.out,
            "\
Kafka, inside this process: {bootstrap}     metrics: http://{}/metrics
One second here is {speed} seconds of calls. Look in with any client:
  kcat -b {bootstrap} -t tollkeeper.call-control -C
  TOLLKEEPER_KAFKA__BOOTSTRAP_SERVERS={bootstrap} tollkeeper consume call_control --follow

",
            embedded.http()
        )
    }

    /// What the platform did, as far as it is worth telling.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        let text = match &event.body {
            Body::CallStarted(started) => {
                let number = started.remote_number.as_deref();
                let mut calls = TENANTS.iter().flat_map(|habits| habits.calls);
                let place = calls.find(|(remote, _)| Some(*remote) == number);
                let place = place.map_or("somewhere", |(_, place)| place);
                format!("calls {place} ({})", started.call_id)
            }
            Body::CallEnded(ended) => {
                let (call, seconds) = (&ended.call_id, ended.duration_seconds);
                format!("{call} ends after {}:{:02}", seconds / 60, seconds % 60)
            }
            _ => return,
        };
        let (at, tenant) = (event.occurred_at, &event.tenant_id);
        self.note(at, Rank::Platform, tenant, Colour::Plain, text);
    }

    /// What tollkeeper published, as far as it is worth telling.
    pub(super) fn record(&mut self, record: &Heard) {
        let Some((colour, text)) = told(record) else {
            return;
        };
        let at = ["issued_at", "recorded_at", "occurred_at"]
            .iter()
            .find_map(|field| record.moment(field))
            .unwrap_or(Moment::EARLIEST);
        let rank = match record.text("type") {
            "BalanceNotice" => Rank::Notice,
            "CallOrder" | "TenantOrder" => Rank::Order,
            _ => Rank::Money,
        };
        self.note(at, rank, record.tenant(), colour, text);
    }

    /// Tells what happened until then and, every now and then, how much everybody has left.
    pub(super) fn tell_until(&mut self, settled: Moment, ledger: &Ledger) -> io::Result<()> {
        while let Some(entry) = self.lines.first_entry()
            && entry.key().0 <= settled
        {
            let ((at, _, _), line) = entry.remove_entry();
            self.write(at, &line)?;
        }
        if settled < self.balances_at {
            return Ok(());
        }
        let accounts = ledger.accounts().iter();
        let left: Vec<String> = accounts
            .map(|(tenant, account)| format!("{tenant} {}", shown(account.balance())))
            .collect();
        let line = Line {
            tenant: "balances".to_owned(),
            colour: Colour::Plain,
            text: left.join("   "),
        };
        let at = self.balances_at;
        self.balances_at = at.plus_seconds(BALANCES_EVERY);
        self.write(at, &line)
    }

    /// The books.
    pub(super) fn closing(&mut self, ledger: &Ledger, wallets: &[TenantFigures]) -> io::Result<()> {
        while let Some(((at, _, _), line)) = self.lines.pop_first() {
            self.write(at, &line)?;
        }
        writeln!(
            self.out,
            "\n{:<12}{:>12}{:>12}{:>14}{:>14}{:>12}",
            "tenant", "paid in", "used", "ledger's sum", "wallet holds", "unpaid"
        )?;
        for wallet in wallets {
            let nothing = Account::default();
            let account = ledger
                .accounts()
                .get(&*wallet.tenant_id)
                .unwrap_or(&nothing);
            writeln!(
                self.out,
                "{:<12}{:>12}{:>12}{:>14}{:>14}{:>12}",
                wallet.tenant_id,
                account.credit.to_string(),
                account.usage.to_string(),
                account.balance().to_string(),
                wallet.balance.to_string(),
                account.uncovered.to_string()
            )?;
        }
        if ledger.compare(wallets).is_ok() {
            writeln!(
                self.out,
                "\nThe ledger's sum is what the wallets hold, to the millionth."
            )?;
        }
        self.out.flush()
    }

    fn note(&mut self, at: Moment, rank: Rank, tenant: &str, colour: Colour, text: String) {
        self.noted += 1;
        let line = Line {
            tenant: tenant.to_owned(),
            colour,
            text,
        };
        self.lines.insert((at, rank, self.noted), line);
    }

    fn write(&mut self, at: Moment, line: &Line) -> io::Result<()> {
        let clock = at.to_string();
        let clock = clock.get(11..19).unwrap_or_default();
        let (begin, end) = match (self.coloured, line.colour) {
            (false, _) | (true, Colour::Plain) => ("", ""),
            (true, Colour::Good) => ("\x1b[32m", "\x1b[0m"),
            (true, Colour::Warning) => ("\x1b[33m", "\x1b[0m"),
            (true, Colour::Bad) => ("\x1b[31m", "\x1b[0m"),
        };
        let Line { tenant, text, .. } = line;
        writeln!(self.out, "{clock}  {tenant:<10}{begin}{text}{end}")
    }
}

fn told(record: &Heard) -> Option<(Colour, String)> {
    let money = |field: &str| Money::parse(record.text(field)).map_or_else(|_| "?".into(), shown);
    let call = record.text("call_id");
    Some(match record.kind() {
        "FUNDING" => (
            Colour::Good,
            format!(
                "pays in {}, has {}",
                money("amount"),
                money("balance_after")
            ),
        ),
        "CREDIT_LOW" => (
            Colour::Warning,
            format!("LOW CREDIT: {} available", money("available")),
        ),
        "CREDIT_EXHAUSTED" => (
            Colour::Bad,
            format!("EXHAUSTED: {} available", money("available")),
        ),
        "CREDIT_RESTORED" => (
            Colour::Good,
            format!("RESTORED: {} available", money("available")),
        ),
        "CUT_OFF" => (Colour::Bad, cut_off(record, call)),
        "CUT_OFF_CANCELLED" => (Colour::Good, format!("the cut of {call} is cancelled")),
        "CALL_REFUSED" => (
            Colour::Bad,
            format!("{call} is REFUSED: {}", record.text("reason")),
        ),
        "DIAL_OUT_SUSPENDED" => (Colour::Bad, "dial-out is suspended".to_owned()),
        "DIAL_OUT_RESUMED" => (Colour::Good, "dial-out is resumed".to_owned()),
        _ => return None,
    })
}

fn cut_off(record: &Heard, call: &str) -> String {
    let (cut_at, issued_at) = (record.moment("cut_at"), record.moment("issued_at"));
    let ahead = match (cut_at, issued_at) {
        (Some(cut), Some(issued)) => (cut.millis() - issued.millis()) / 1_000,
        _ => 0,
    };
    let clock = record.text("cut_at").get(11..19).unwrap_or_default();
    format!("CUT OFF {call} at {clock}, ordered {ahead} s ahead")
}

fn shown(money: Money) -> String {
    format!("{} {}", money.display_in(euro()), euro())
}
