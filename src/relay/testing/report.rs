/// The results of the [checks](super::check) of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The names of the checks that passed.
    pub passed: Vec<&'static str>,
    /// The names of the checks that the [`Fixture`](super::Fixture) cannot run.
    pub skipped: Vec<&'static str>,
    /// The checks that failed.
    pub failed: Vec<Failure>,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {reason}")]
#[non_exhaustive]
pub struct Failure {
    /// The name of the check, which states the expected behaviour.
    pub check: &'static str,
    /// The observed behaviour.
    pub reason: String,
}

impl Report {
    /// Checks that no check failed.
    ///
    /// # Panics
    ///
    /// Panics with the list of failures, if there are any.
    #[track_caller]
    pub fn assert_passed(&self) {
        let failed: Vec<String> = self.failed.iter().map(Failure::to_string).collect();
        assert!(failed.is_empty(), "the log fails:\n{}", failed.join("\n"));
    }

    pub(super) fn add(&mut self, check: &'static str, outcome: Outcome) {
        match outcome {
            Ok(true) => self.passed.push(check),
            Ok(false) => self.skipped.push(check),
            Err(reason) => self.failed.push(Failure { check, reason }),
        }
    }
}

/// `Ok(false)` if a check could not run, or the reason why it failed.
pub(super) type Outcome = Result<bool, String>;
