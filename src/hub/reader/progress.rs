/// How far a [`Live`](super::live::Live) has come. It lies in the reader, where it takes no memory.
#[derive(Default)]
pub(in crate::hub) struct Progress {
    pub(super) phase: Phase,
    /// It ended because it fell behind, or because the hub was closed.
    pub(in crate::hub) left: bool,
    /// It is no longer in the hub.
    pub(super) is_out: bool,
}

#[derive(Default, PartialEq)]
pub(in crate::hub) enum Phase {
    #[default]
    Reading,
    /// A filter is running, or has panicked.
    Filtering,
    Ended,
}
