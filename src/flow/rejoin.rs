//! Joining the group again: what a process does when one of its workers has ended, and whether one must join anew
//! for the sake of partitions that nobody has.

use super::ExitReason;

/// A worker that is fenced joins again, unless it was fenced less than these milliseconds before. Two processes of
/// one name fence each other in turn, and the first to be fenced twice ends; a worker that takes its own rejoining
/// for another process, as librdkafka's static members may after they lost their session, goes on.
const FENCED_AGAIN: u64 = 60_000;

/// What follows the end of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A new worker of the same name joins the group, in the same process.
    Join,
    /// The process ends.
    End,
}

/// The ends of the workers of one name in a process, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    /// When one was fenced last.
    fenced: Option<u64>,
}

impl Ends {
    /// What follows this end at `now` milliseconds of a clock that never goes back; `stopping` once the process was
    /// told to stop.
    pub fn next(&mut self, exit: &ExitReason, now: u64, stopping: bool) -> Next {
        let joins = match exit {
            // Not told to stop, but to leave and join again.
            ExitReason::Stopped { .. } | ExitReason::StoppedInTheMiddle | ExitReason::Evicted => {
                !stopping
            }
            ExitReason::InstanceFenced => {
                let before = self.fenced.replace(now);
                before.is_none_or(|at| now - at >= FENCED_AGAIN)
            }
            ExitReason::ProducerFenced(_)
            | ExitReason::ProducersLost(_)
            | ExitReason::InputDead(_) => false,
        };
        if joins { Next::Join } else { Next::End }
    }
}

/// A member of a settled group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The name its client gave itself; a worker's is its group.instance.id.
    pub name: String,
    /// Its partitions of the input.
    pub has: Vec<i32>,
}

/// Partitions that nobody has. A cooperative rebalance takes a partition from one member in a first round and gives
/// it to another in a second one, which the first member asks for once it has let go. If it dies in between and is
/// back in time, it is given what it had, less that partition, as static members are, and no second round follows:
/// nobody has the partition until a member comes or goes. So the first member by name goes and comes when it sees
/// that in two looks in a row.
#[derive(Clone, Debug, Default)]
pub struct Ownerless {
    before: Vec<i32>,
}

impl Ownerless {
    /// Looks at who has which of the partitions; names who is to leave and join again, and for which of them.
    pub fn look<'m>(
        &mut self,
        members: &'m [GroupMember],
        partitions: i32,
    ) -> Option<(&'m str, Vec<i32>)> {
        let lost = without_owner(members, partitions);
        if lost.is_empty() || lost != self.before {
            self.before = lost;
            return None;
        }
        self.before.clear();
        let first = members.iter().map(|member| &*member.name).min()?;
        Some((first, lost))
    }
}

/// The partitions that no member has; none where there is no member to ask about.
fn without_owner(members: &[GroupMember], partitions: i32) -> Vec<i32> {
    if members.is_empty() {
        return Vec::new();
    }
    let owned = |partition: &i32| members.iter().any(|member| member.has.contains(partition));
    (0..partitions)
        .filter(|partition| !owned(partition))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_not_told_to_stop_joins_again_but_not_when_it_is_fenced_twice_in_a_minute() {
        let mut ends = Ends::default();
        let left = ExitReason::Stopped { leave: true };
        assert_eq!(ends.next(&left, 0, false), Next::Join);
        assert_eq!(ends.next(&left, 0, true), Next::End);
        assert_eq!(ends.next(&ExitReason::Evicted, 0, false), Next::Join);
        assert_eq!(ends.next(&ExitReason::Evicted, 0, true), Next::End);
        let lost = ExitReason::ProducersLost(String::new());
        assert_eq!(ends.next(&lost, 0, false), Next::End);
        let fenced = ExitReason::InstanceFenced;
        assert_eq!(ends.next(&fenced, 1_000, false), Next::Join);
        assert_eq!(ends.next(&fenced, 61_000, false), Next::Join);
        assert_eq!(ends.next(&fenced, 120_999, false), Next::End);
    }

    #[test]
    fn partitions_that_no_member_has_are_seen_at_the_second_look() {
        let member = |name: &str, has: &[i32]| GroupMember {
            name: name.to_owned(),
            has: has.to_vec(),
        };
        let members = [member("b-0", &[2, 3]), member("a-0", &[0])];
        let mut ownerless = Ownerless::default();
        assert_eq!(ownerless.look(&members, 4), None);
        assert_eq!(ownerless.look(&members, 4), Some(("a-0", vec![1])));
        // It has only just been asked to.
        assert_eq!(ownerless.look(&members, 4), None);
        // What changes between two looks is a rebalance under way, as is a group without members.
        assert_eq!(ownerless.look(&members[..1], 4), None);
        assert_eq!(ownerless.look(&[], 4), None);
        assert_eq!(ownerless.look(&members[..1], 4), None);
        assert_eq!(ownerless.look(&members[..1], 4), Some(("b-0", vec![0, 1])));
    }
}
