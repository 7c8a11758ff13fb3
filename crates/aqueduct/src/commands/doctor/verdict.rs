//! What is thought of a fact.

/// A fact in words, and what is thought of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: State,
    pub(super) found: String,
    /// What to do, or that there is nothing to do, unless all is as it should be.
    pub(super) advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Worth knowing: everything works, slower or with less room than it might.
    Note,
    /// Something will not work.
    Action,
}

impl Verdict {
    pub(super) fn good(found: impl Into<String>) -> Self {
        Self { state: State::Good, found: found.into(), advice: None }
    }

    pub(super) fn note(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Note, found: found.into(), advice: Some(advice.into()) }
    }

    /// Of what needs a file where none could be made, which is a finding of its own.
    pub(super) fn untried() -> Self {
        Self::note("not tried, for want of a file", "see what O_TMPFILE needs")
    }

    pub(super) fn action(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Action, found: found.into(), advice: Some(advice.into()) }
    }
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Action => "action",
        }
    }
}
