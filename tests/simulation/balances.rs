//! The balances that are published, held against those that a core which never crashed has.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use tollkeeper::codec::{DecodedRecord, RecordDecoder, SchemaSet};

use super::checks::{Broken, Checks, index};
use super::log::Message;

impl Checks {
    /// The last balance that was published of a tenant is its balance.
    pub(super) fn settle_balance(
        &self,
        partition: i32,
        tenant: &str,
        told: Option<&[u8]>,
    ) -> Result<(), Broken> {
        let decoder = RecordDecoder::new(SchemaSet::builtin());
        let read = |payload: Option<&[u8]>| match decoder.decode(payload.unwrap_or_default()) {
            Ok(DecodedRecord::TenantBalance(entry)) => Some((entry.balance, entry.entry_sequence)),
            _ => None,
        };
        let now = self.references[index(partition)].balance(&self.office, tenant);
        if read(told) == read(now.as_deref()) {
            return Ok(());
        }
        Err(format!(
            "the last balance of {tenant} that was published is not its balance"
        ))
    }

    /// The balance of each tenant that has changed is published, once and as it is, where it is wanted.
    pub(super) fn take_balances(
        &mut self,
        partition: i32,
        committed: &[(i64, Rc<Message>)],
    ) -> Result<(), Broken> {
        let reference = &self.references[index(partition)];
        let mut told = BTreeSet::new();
        for (_, message) in committed {
            let tenant = message.key.as_deref().unwrap_or_default();
            let tenant = String::from_utf8_lossy(tenant).into_owned();
            let balance = reference.balance(&self.office, &tenant);
            if balance != message.payload || !told.insert(tenant.clone()) {
                return Err(format!("not the balance of {tenant}, or twice"));
            }
            self.balances.insert((partition, tenant), balance);
        }
        if !self.office.balances {
            return Ok(());
        }
        for has in reference.partition.figures() {
            let tenant = Arc::clone(&has.tenant_id);
            let changed = self
                .had
                .insert((partition, Arc::clone(&tenant)), has.clone())
                != Some(has);
            if changed && !told.contains(&*tenant) {
                return Err(format!(
                    "the balance of {tenant} has changed and is not published"
                ));
            }
        }
        Ok(())
    }
}
