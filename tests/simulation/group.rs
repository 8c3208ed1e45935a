//! The consumer group: members with static names, generations, who holds which partition, offsets.

use std::collections::{BTreeMap, BTreeSet};

use tollkeeper::flow::{GroupMember, InputPosition};

/// A member as the coordinator knows it.
#[derive(Clone, Copy, Debug)]
struct Member {
    id: u64,
    worker: usize,
    heard: u64,
}

/// What the coordinator says to who asks with a member's id and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// Another process has this name.
    FencedInstance,
    /// Evicted, or of an older generation.
    Stale,
}

/// What a member learns when a rebalance is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub worker: usize,
    pub generation: i32,
    pub revoked: Vec<i32>,
    pub assigned: Vec<i32>,
}

/// A partition's committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    pub next_offset: i64,
    pub metadata: String,
}

#[derive(Debug)]
pub struct Group {
    members: BTreeMap<usize, Member>,
    generation: i32,
    ids: u64,
    /// By partition: the name that reads it, or has not given it up yet.
    held: Vec<Option<usize>>,
    /// Partitions that their holder was asked for.
    asked_back: BTreeSet<i32>,
    rebalance_at: Option<u64>,
    pub committed: BTreeMap<i32, Offset>,
}

impl Group {
    pub fn new(partitions: i32) -> Self {
        Group {
            members: BTreeMap::new(),
            generation: 0,
            ids: 0,
            held: (0..partitions).map(|_| None).collect(),
            asked_back: BTreeSet::new(),
            rebalance_at: None,
            committed: BTreeMap::new(),
        }
    }

    /// A process joins under a name. Where the name is known, it takes its place at once: its id, generation and
    /// partitions, less those that were asked back, as if it had given them up. No rebalance follows.
    pub fn join(&mut self, now: u64, name: usize, worker: usize) -> (u64, Option<Assignment>) {
        self.ids += 1;
        let id = self.ids;
        let member = Member {
            id,
            worker,
            heard: now,
        };
        if self.members.insert(name, member).is_none() {
            self.ask_rebalance(now);
            return (id, None);
        }
        for (partition, holder) in (0..).zip(&mut self.held) {
            if *holder == Some(name) && self.asked_back.remove(&partition) {
                *holder = None;
            }
        }
        let assigned = self.held_by(name);
        let assignment = Assignment {
            worker,
            generation: self.generation,
            revoked: Vec::new(),
            assigned,
        };
        (id, Some(assignment))
    }

    /// Who has which partition, as the coordinator tells it while nothing is being shared out.
    pub fn described(&self) -> Vec<GroupMember> {
        if self.rebalance_pending() {
            return Vec::new();
        }
        let names = self.members.keys();
        names
            .map(|name| GroupMember {
                name: name.to_string(),
                has: self
                    .held_by(*name)
                    .into_iter()
                    .filter(|partition| !self.asked_back.contains(partition))
                    .collect(),
            })
            .collect()
    }

    fn held_by(&self, name: usize) -> Vec<i32> {
        let held = (0..).zip(&self.held);
        held.filter(|(_, holder)| **holder == Some(name))
            .map(|(partition, _)| partition)
            .collect()
    }

    pub fn ask_rebalance(&mut self, now: u64) {
        self.rebalance_at.get_or_insert(now + 50);
    }

    pub fn rebalance_pending(&self) -> bool {
        self.rebalance_at.is_some()
    }

    /// A member says goodbye.
    pub fn leave(&mut self, now: u64, name: usize, id: u64) {
        if self
            .members
            .get(&name)
            .is_some_and(|member| member.id == id)
        {
            self.evict(now, name);
        }
    }

    pub fn evict(&mut self, now: u64, name: usize) {
        self.members.remove(&name);
        for (partition, holder) in (0..).zip(&mut self.held) {
            if *holder == Some(name) {
                *holder = None;
                self.asked_back.remove(&partition);
            }
        }
        self.ask_rebalance(now);
    }

    pub fn names(&self) -> Vec<usize> {
        self.members.keys().copied().collect()
    }

    /// A member's heartbeat; how it stands.
    pub fn heartbeat(&mut self, now: u64, name: usize, id: u64) -> Standing {
        match self.members.get_mut(&name) {
            None => Standing::Stale,
            Some(member) if member.id != id => Standing::FencedInstance,
            Some(member) => {
                member.heard = now;
                Standing::Good
            }
        }
    }

    /// Evicts whoever was not heard for a session.
    pub fn expire(&mut self, now: u64, session: u64) -> Vec<usize> {
        let silent: Vec<usize> = self
            .members
            .iter()
            .filter(|(_, member)| now - member.heard > session)
            .map(|(name, _)| *name)
            .collect();
        for name in &silent {
            self.evict(now, *name);
        }
        silent
    }

    /// A member has given partitions up.
    pub fn given_up(&mut self, now: u64, name: usize, id: u64, partitions: &[i32]) {
        if self.members.get(&name).is_none_or(|member| member.id != id) {
            return;
        }
        for partition in partitions {
            let place = usize::try_from(*partition).expect("a partition");
            if self.held[place] == Some(name) && self.asked_back.remove(partition) {
                self.held[place] = None;
                self.ask_rebalance(now);
            }
        }
    }

    /// The processes of the members, all of which take part in a rebalance.
    pub fn workers(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.values().map(|member| member.worker)
    }

    /// A rebalance, if one is due: partitions move in two steps, first given up, then assigned.
    pub fn rebalance(&mut self, now: u64, shuffle: usize) -> Vec<Assignment> {
        if self.rebalance_at.is_none_or(|at| at > now) || self.members.is_empty() {
            return Vec::new();
        }
        self.rebalance_at = None;
        self.generation += 1;
        let targets = self.targets(shuffle);
        let mut assignments: BTreeMap<usize, Assignment> = self
            .members
            .iter()
            .map(|(name, member)| {
                let assignment = Assignment {
                    worker: member.worker,
                    generation: self.generation,
                    revoked: Vec::new(),
                    assigned: Vec::new(),
                };
                (*name, assignment)
            })
            .collect();
        for (partition, target) in (0..).zip(targets) {
            let place = usize::try_from(partition).expect("a partition");
            match self.held[place] {
                Some(holder) if holder == target => {}
                Some(holder) => {
                    if self.asked_back.insert(partition)
                        && let Some(assignment) = assignments.get_mut(&holder)
                    {
                        assignment.revoked.push(partition);
                    }
                }
                None => {
                    self.held[place] = Some(target);
                    if let Some(assignment) = assignments.get_mut(&target) {
                        assignment.assigned.push(partition);
                    }
                }
            }
        }
        assignments.into_values().collect()
    }

    /// Who is to have each partition: as now, as far as all have about as many. What was asked back
    /// goes to somebody else.
    fn targets(&self, shuffle: usize) -> Vec<usize> {
        let names: Vec<usize> = self.members.keys().copied().collect();
        let most = self.held.len().div_ceil(names.len());
        let mut loads: BTreeMap<usize, usize> = names.iter().map(|name| (*name, 0)).collect();
        let mut targets = vec![None; self.held.len()];
        for (place, holder) in self.held.iter().enumerate() {
            let partition = i32::try_from(place).expect("few partitions");
            let stays = holder.filter(|_| !self.asked_back.contains(&partition));
            if let Some(load) = stays.and_then(|name| loads.get_mut(&name))
                && *load < most
            {
                *load += 1;
                targets[place] = stays;
            }
        }
        let finish = |(place, target): (usize, Option<usize>)| {
            target.unwrap_or_else(|| {
                let holder = self.held[place];
                let others = names
                    .iter()
                    .filter(|name| Some(**name) != holder || names.len() == 1);
                let mut others: Vec<usize> = others.copied().collect();
                let turn = (shuffle + place) % others.len();
                others.rotate_left(turn);
                let least = others.iter().min_by_key(|name| loads[*name]);
                let name = *least.expect("there are members");
                *loads.entry(name).or_default() += 1;
                name
            })
        };
        targets.into_iter().enumerate().map(finish).collect()
    }

    /// Whether offsets may be committed by who calls itself so.
    pub fn may_commit(&self, name: usize, id: u64, generation: i32) -> Standing {
        match self.members.get(&name) {
            None => Standing::Stale,
            Some(member) if member.id != id => Standing::FencedInstance,
            Some(_) if generation != self.generation => Standing::Stale,
            Some(_) => Standing::Good,
        }
    }

    /// Offsets are committed.
    pub fn commit(&mut self, offsets: Vec<InputPosition>) {
        for position in offsets {
            let offset = Offset {
                next_offset: position.next_offset,
                metadata: position.metadata,
            };
            self.committed.insert(position.partition, offset);
        }
    }
}
