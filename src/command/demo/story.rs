//! The three tenants of the demo: what they pay in, whom they call, and how they behave.

use crate::domain::{
    BillingMode, Country, Currency, CutScope, DialOutPolicy, Limits, Money, TenantConfig,
    TenantStatus, Threshold, ThresholdKind,
};

/// A tenant and its habits. All spans are seconds of the demo's time.
#[derive(Debug)]
pub(super) struct Habits {
    /// Its id.
    pub(super) tenant_id: &'static str,
    /// What it pays in at first, in millionths.
    pub(super) credit: i64,
    /// What it pays in when it runs short, in millionths.
    pub(super) top_up: i64,
    /// When it does so.
    pub(super) pays: Pays,
    /// Below this it wants to be warned, in millionths.
    pub(super) warn_below: i64,
    /// When its first call is placed.
    pub(super) first_call: i64,
    /// How long after one call is placed the next one is.
    pub(super) every: i64,
    /// How long its calls want to last, one after the other.
    pub(super) lengths: &'static [i64],
    /// Whom it calls: number and name of the place.
    pub(super) calls: &'static [(&'static str, &'static str)],
}

/// When a tenant pays in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pays {
    /// So long after an order to cut one of its calls.
    WhenCut(i64),
    /// So long after it was exhausted.
    WhenExhausted(i64),
}

/// Large and solvent; small and quick to pay; smaller and slow to pay.
pub(super) const TENANTS: &[Habits] = &[
    Habits {
        tenant_id: "contoso",
        credit: 50_000_000,
        top_up: 25_000_000,
        pays: Pays::WhenExhausted(60),
        warn_below: 10_000_000,
        first_call: 30,
        every: 100,
        lengths: &[250, 615, 95, 400, 1_000, 59, 330],
        calls: &[
            ("+447700900123", "United Kingdom, mobile"),
            ("+81312345678", "Japan"),
            ("+12025550143", "United States"),
            ("+41798765432", "Switzerland, mobile"),
        ],
    },
    Habits {
        tenant_id: "fabrikam",
        credit: 3_000_000,
        top_up: 4_000_000,
        pays: Pays::WhenCut(20),
        warn_below: 1_500_000,
        first_call: 60,
        every: 2_700,
        lengths: &[2_400],
        calls: &[("+18765550100", "Jamaica")],
    },
    Habits {
        tenant_id: "tailspin",
        credit: 1_500_000,
        top_up: 2_000_000,
        pays: Pays::WhenExhausted(600),
        warn_below: 500_000,
        first_call: 120,
        every: 240,
        lengths: &[400, 500],
        calls: &[("+2348031234567", "Nigeria"), ("+20212345678", "Egypt")],
    },
];

/// The demo's currency.
pub(super) fn euro() -> Currency {
    Currency::parse("EUR").expect("EUR is a currency")
}

/// The demo's rate card.
pub(super) const CARD_ID: &str = "example";
/// Its rows.
pub(super) const CARD: &str = include_str!("../../../deploy/example-rates.csv");

impl Habits {
    /// Its configuration.
    pub(super) fn configuration(&self) -> TenantConfig {
        TenantConfig {
            version: 1,
            status: TenantStatus::Active,
            currency: euro(),
            country: germany(),
            rate_card: CARD_ID.to_owned(),
            billing_mode: BillingMode::Prepaid,
            overdraft_limit: Money::ZERO,
            subscription_licenses: 0,
            dial_out_policy: DialOutPolicy::Any,
            zone_a: None,
            cut_scope: CutScope::AllChargeable,
            hold_ahead_minutes: 1,
            low_credit: vec![Threshold {
                kind: ThresholdKind::Amount,
                value: Money::from_micros(self.warn_below),
            }],
            auto_recharge: None,
            limits: Limits::default(),
            mask_digits: None,
        }
    }
}

/// Where the demo's organizers are.
pub(super) fn germany() -> Country {
    Country::parse("DE").expect("DE is a country")
}
