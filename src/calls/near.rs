//! A call's memory brought near before it is needed. Nothing is changed; what is returned only keeps the
//! compiler from leaving the reads out.

use super::Call;
use super::pricing::LastLook;

impl Call {
    /// Reads a little of each part of the row, so that it is near when it is needed.
    pub(crate) fn touch(&self) -> usize {
        let state = &self.state;
        usize::from(state.burn > state.held && self.counted.burn == state.meter.total)
            + usize::from(state.closed_at == self.fixed.leg.answered_at)
            + usize::from(self.look == LastLook::default())
            + usize::from(self.fixed.leg.charged && state.final_published)
            + state.meter.runs.len()
    }

    /// Reads a little of what the row points to.
    pub(crate) fn touch_beyond(&self) -> usize {
        let description = &*self.fixed.leg.description;
        usize::from(description.unrated)
            + usize::from(description.remote_number.is_none())
            + description.call_id.len()
            + description.organizer_id.as_ref().map_or(0, |id| id.len())
    }

    /// Reads a little of the texts.
    pub(crate) fn touch_texts(&self) -> usize {
        let description = &*self.fixed.leg.description;
        let organizer = description.organizer_id.as_deref().unwrap_or_default();
        usize::from(description.call_id.as_bytes().first() == organizer.as_bytes().first())
    }
}
