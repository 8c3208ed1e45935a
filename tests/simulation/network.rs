//! What lies between a process and the brokers: delays, lost requests, lost replies, cuts.

use std::collections::BTreeMap;

use super::dice::Dice;

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// No request arrives until then.
    requests_lost_until: u64,
    /// No reply arrives until then.
    replies_lost_until: u64,
    /// Requests are slow until then,
    slow_until: u64,
    /// by so much.
    slow_by: u64,
    /// What was sent on one connection arrives in order.
    last_request: u64,
}

/// The links of all processes.
#[derive(Debug, Default)]
pub struct Network {
    links: BTreeMap<usize, Link>,
    down_until: u64,
}

impl Network {
    pub fn connect(&mut self, worker: usize) {
        self.links.insert(worker, Link::default());
    }

    fn link(&mut self, worker: usize) -> &mut Link {
        self.links.entry(worker).or_default()
    }

    /// No broker answers anybody.
    pub fn outage(&mut self, until: u64) {
        self.down_until = until;
    }

    pub fn lose_requests(&mut self, worker: usize, until: u64) {
        self.link(worker).requests_lost_until = until;
    }

    pub fn lose_replies(&mut self, worker: usize, until: u64) {
        self.link(worker).replies_lost_until = until;
    }

    pub fn slow_down(&mut self, worker: usize, until: u64, by: u64) {
        let link = self.link(worker);
        link.slow_until = until;
        link.slow_by = by;
    }

    pub fn heal(&mut self) {
        self.down_until = 0;
        for link in self.links.values_mut() {
            *link = Link {
                last_request: link.last_request,
                ..Link::default()
            };
        }
    }

    /// A new connection: what is sent on it need not wait for what is still on its way on the old one.
    pub fn reconnect(&mut self, worker: usize) {
        self.link(worker).last_request = 0;
    }

    /// When a request arrives, behind those sent before it; none if it is lost.
    pub fn request(&mut self, now: u64, worker: usize, dice: &mut Dice) -> Option<u64> {
        let down = self.down_until > now;
        let link = self.link(worker);
        if down || link.requests_lost_until > now {
            return None;
        }
        let slow = if link.slow_until > now {
            dice.below(link.slow_by)
        } else {
            0
        };
        let at = (now + dice.between(1, 4) + slow).max(link.last_request);
        link.last_request = at;
        Some(at)
    }

    /// When a reply arrives; none if it is lost.
    pub fn reply(&mut self, now: u64, worker: usize, dice: &mut Dice) -> Option<u64> {
        let down = self.down_until > now;
        let lost = self.link(worker).replies_lost_until > now;
        (!down && !lost).then(|| now + dice.between(1, 4))
    }

    /// Whether question and answer get through now.
    pub fn is_up(&self, now: u64, worker: usize) -> bool {
        let link = self.links.get(&worker).copied().unwrap_or_default();
        self.down_until <= now && link.requests_lost_until <= now && link.replies_lost_until <= now
    }
}
