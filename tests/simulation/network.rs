//! What lies between a process and the brokers: delays, lost requests, lost replies, cuts.

use std::collections::BTreeMap;

use super::dice::Dice;

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// No request arrives until then.
    requests_lost_until: u64,
    /// No reply arrives until then.
    replies_lost_until: u64,
    slow_requests: Slowness,
    slow_replies: Slowness,
    /// What was sent on one connection arrives in order.
    last_request: u64,
    last_reply: u64,
}

/// What is sent in one direction takes longer.
#[derive(Clone, Copy, Debug, Default)]
struct Slowness {
    /// Until then,
    until: u64,
    /// by so much at most.
    by: u64,
}

impl Slowness {
    fn of(self, now: u64, dice: &mut Dice) -> u64 {
        if self.until > now {
            dice.below(self.by)
        } else {
            0
        }
    }
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

    pub fn slow_requests(&mut self, worker: usize, until: u64, by: u64) {
        self.link(worker).slow_requests = Slowness { until, by };
    }

    pub fn slow_replies(&mut self, worker: usize, until: u64, by: u64) {
        self.link(worker).slow_replies = Slowness { until, by };
    }

    pub fn heal(&mut self) {
        self.down_until = 0;
        for link in self.links.values_mut() {
            *link = Link {
                last_request: link.last_request,
                last_reply: link.last_reply,
                ..Link::default()
            };
        }
    }

    /// A new connection: what is sent on it need not wait for what is still on its way on the old one.
    pub fn reconnect(&mut self, worker: usize) {
        let link = self.link(worker);
        link.last_request = 0;
        link.last_reply = 0;
    }

    /// When a request arrives, behind those sent before it; none if it is lost.
    pub fn request(&mut self, now: u64, worker: usize, dice: &mut Dice) -> Option<u64> {
        let down = self.down_until > now;
        let link = self.link(worker);
        if down || link.requests_lost_until > now {
            return None;
        }
        let slow = link.slow_requests.of(now, dice);
        let at = (now + dice.between(1, 4) + slow).max(link.last_request);
        link.last_request = at;
        Some(at)
    }

    /// When a reply arrives, behind those sent before it; none if it is lost.
    pub fn reply(&mut self, now: u64, worker: usize, dice: &mut Dice) -> Option<u64> {
        let down = self.down_until > now;
        let link = self.link(worker);
        if down || link.replies_lost_until > now {
            return None;
        }
        let slow = link.slow_replies.of(now, dice);
        let at = (now + dice.between(1, 4) + slow).max(link.last_reply);
        link.last_reply = at;
        Some(at)
    }

    /// Whether question and answer get through now.
    pub fn is_up(&self, now: u64, worker: usize) -> bool {
        let link = self.links.get(&worker).copied().unwrap_or_default();
        self.down_until <= now && link.requests_lost_until <= now && link.replies_lost_until <= now
    }
}
