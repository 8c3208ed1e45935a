//! Rows on their way back from the journal, part by part.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::rows::{MAX_SLOTS, RowError, RowKey, Table};
use crate::domain::{CallDescription, TenantConfig};

/// Rows of a table whose parts come one by one.
#[derive(Debug)]
pub(super) struct Halves<F, M> {
    table: Table,
    rows: Vec<(Option<F>, Option<M>)>,
}

impl<F, M> Halves<F, M> {
    pub(super) fn new(table: Table) -> Self {
        Halves {
            table,
            rows: Vec::new(),
        }
    }

    pub(super) fn at(&mut self, key: RowKey) -> Result<&mut (Option<F>, Option<M>), RowError> {
        let slot = usize::try_from(key.slot).map_err(|_| key.error("slot out of range"))?;
        if slot >= MAX_SLOTS {
            return Err(key.error("slot out of range"));
        }
        if slot >= self.rows.len() {
            self.rows.resize_with(slot + 1, || (None, None));
        }
        Ok(&mut self.rows[slot])
    }

    pub(super) fn remove(&mut self, key: RowKey) {
        let slot = usize::try_from(key.slot).unwrap_or(usize::MAX);
        if let Some(row) = self.rows.get_mut(slot) {
            *row = (None, None);
        }
    }

    /// Both parts of every row joined, slot by slot.
    pub(super) fn join<T>(
        self,
        mut make: impl FnMut(F, M) -> Result<T, String>,
    ) -> Result<Vec<Option<T>>, RowError> {
        let table = self.table;
        let rows = self.rows.into_iter().enumerate().map(|(slot, row)| {
            let key = RowKey {
                table,
                slot: u32::try_from(slot).expect("below the bound"),
            };
            match row {
                (None, None) => Ok(None),
                (Some(fixed), Some(moving)) => make(fixed, moving)
                    .map(Some)
                    .map_err(|what| key.error(&what)),
                (Some(_), None) => Err(key.error("its moving part is missing")),
                (None, Some(_)) => Err(key.error("its fixed part is missing")),
            }
        });
        rows.collect()
    }

    /// Rows that have no moving part.
    pub(super) fn whole(self) -> Vec<Option<F>> {
        self.rows.into_iter().map(|(fixed, _)| fixed).collect()
    }
}

/// Values that many rows have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    texts: HashSet<Arc<str>, foldhash::fast::FixedState>,
    configs: HashMap<TenantConfig, Arc<TenantConfig>, foldhash::fast::FixedState>,
}

impl Shared {
    pub(super) fn text(&mut self, text: &mut Option<Arc<str>>) {
        if let Some(text) = text {
            *text = self.texts.get_or_insert_with(text, Clone::clone).clone();
        }
    }

    pub(super) fn description(&mut self, description: &mut Arc<CallDescription>) {
        if let Some(description) = Arc::get_mut(description) {
            self.text(&mut description.rate_card);
            self.text(&mut description.prefix);
            self.text(&mut description.destination);
        }
    }

    pub(super) fn config(&mut self, config: TenantConfig) -> Arc<TenantConfig> {
        if let Some(known) = self.configs.get(&config) {
            return known.clone();
        }
        let shared = Arc::new(config.clone());
        self.configs.insert(config, shared.clone());
        shared
    }
}

impl RowKey {
    pub(super) fn error(self, what: &str) -> RowError {
        RowError {
            table: self.table,
            slot: self.slot,
            what: what.to_owned(),
        }
    }
}
