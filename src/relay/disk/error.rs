use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::relay::disk::frame::FORMAT;

/// A folder could not be opened as a [`DiskLog`](crate::relay::DiskLog), or reading or writing in it failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskLogError {
    /// Another process, or another log of this process, has the folder open.
    #[error("{} is in use by {}", folder.display(), owner(*process))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The ID of the process that has it open, if the lock file contains it.
        process: Option<u32>,
    },
    /// The contents of a file differ from what was acknowledged, or the file is missing.
    ///
    /// To continue without the lost events, open it with
    /// [`DiskLogOptions::repair`](crate::relay::DiskLogOptions::repair).
    #[error("{} is damaged at byte {offset}: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The first wrong byte, or the length of a file that is too short.
        offset: u64,
        /// The kind of damage.
        reason: &'static str,
    },
    /// A newer version of this crate wrote the file, in a format that this one does not know. The folder is
    /// unchanged.
    #[error("{} has format {version}, and this version knows format {}", file.display(), FORMAT)]
    UnknownFormat {
        /// The file.
        file: PathBuf,
        /// The number of its format.
        version: u8,
    },
    /// The disk is full, or the process has reached a quota. Publishing works again once there is room.
    #[error("no room on the disk: cannot {doing} {}", path.display())]
    NoRoom {
        /// The attempted operation.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// Reading or writing failed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The attempted operation.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// An event is too large for the log.
    #[error("the event takes {bytes} bytes, of at most {max}")]
    TooLarge {
        /// The bytes that the event takes.
        bytes: u64,
        /// The maximum number of bytes.
        max: u64,
    },
    /// The writing thread has ended, or the runtime is shutting down.
    #[error("the log is closed")]
    Closed,
}

fn owner(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".into(), |process| format!("process {process}"))
}

impl DiskLogError {
    /// Creates the error of an operation on a file or folder.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            let source = Arc::new(source);
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    Self::NoRoom { doing, path, source }
                }
                _ => Self::Io { doing, path, source },
            }
        }
    }

    pub(super) fn damaged(file: &Path, offset: u64, reason: &'static str) -> Self {
        Self::Damaged { file: file.to_owned(), offset, reason }
    }

    /// Returns whether a file did not exist.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
