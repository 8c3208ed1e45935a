//! A group's members and what each has, as its coordinator tells them.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;

use super::error::Error;
use super::reader::TopicReader;
use crate::flow::GroupMember;

impl TopicReader {
    /// The members of a group and which partitions of this reader's topic each has; none while they
    /// are being shared out.
    pub(super) fn members(
        &self,
        group: &str,
        timeout: Duration,
    ) -> Result<Option<Vec<GroupMember>>, Error> {
        let list = self
            .consumer()
            .fetch_group_list(Some(group), timeout)
            .map_err(|error| Error::failed(format!("asking about group `{group}`"), &error))?;
        let found = list.groups().iter().find(|found| found.name() == group);
        let Some(found) = found.filter(|found| found.state() == "Stable") else {
            return Ok(None);
        };
        let members = found.members().iter().map(|member| {
            let assigned = member.assignment().unwrap_or_default();
            Some(GroupMember {
                name: member.client_id().to_owned(),
                has: partitions_of(assigned, self.topic())?,
            })
        });
        Ok(members.collect())
    }
}

/// The partitions of a topic in an assignment of the consumer protocol; none if it is not one.
///
/// It has a version of 16 bits, then the topics, each with a name and its partitions, all counted.
fn partitions_of(mut bytes: &[u8], topic: &str) -> Option<Vec<i32>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let bytes = &mut bytes;
    take::<2>(bytes)?;
    let mut partitions = Vec::new();
    for _ in 0..i32::from_be_bytes(take(bytes)?) {
        let length = usize::try_from(i16::from_be_bytes(take(bytes)?)).ok()?;
        let (name, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        for _ in 0..i32::from_be_bytes(take(bytes)?) {
            let partition = i32::from_be_bytes(take(bytes)?);
            if name == topic.as_bytes() {
                partitions.push(partition);
            }
        }
    }
    Some(partitions)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_as_the_consumer_protocol_has_it() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2, 0, 1, b'x', 0, 0, 0, 1, 0, 0, 0, 9];
        bytes.extend([0, 2, b'i', b'n', 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5]);
        bytes.extend([0xff; 4]);
        assert_eq!(partitions_of(&bytes, "in"), Some(vec![3, 5]));
        assert_eq!(partitions_of(&bytes, "y"), Some(vec![]));
        assert_eq!(partitions_of(&[], "in"), Some(vec![]));
        for length in 1..bytes.len() - 4 {
            assert_eq!(partitions_of(&bytes[..length], "in"), None, "{length}");
        }
    }
}
