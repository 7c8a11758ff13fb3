//! The same refusals that HTTP has, as this protocol says them.

use aqueduct_wire::native::{Code, Say};

use crate::asked::Verdict;
use crate::door::Refusal;
use crate::tokens::Right;

/// The last answer of a task that only this protocol refuses.
pub(super) fn refusal(code: Code, message: &str) -> Say {
    Say::Refused { code, message: message.to_owned(), actual: None }
}

/// The last answer of a task that was refused.
pub(super) fn refused(refusal: &Refusal) -> Say {
    let actual = match refusal {
        Refusal::Mismatch { actual, .. } => Some(*actual),
        _ => None,
    };
    Say::Refused { code: code(refusal), message: sentence(refusal), actual }
}

/// What is wrong, and what to do, where HTTP's own sentence does not fit.
fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NeedsToken { right: Right::Read } => "this needs a token: send one in Hello".to_owned(),
        Refusal::NeedsToken { right: Right::Write } | Refusal::NeedsWriteToken => {
            "this needs a token that writes: send one in Hello".to_owned()
        }
        Refusal::Mismatch { expected, actual } => {
            format!("the bytes that arrived are {actual}, not {expected}; nothing was stored")
        }
        Refusal::TooLarge { limit } => {
            format!("the blob is larger than the {limit} bytes that are taken here (--max-blob-size)")
        }
        Refusal::Unsatisfiable { size, .. } => {
            format!("the blob has {size} bytes, and a range ends after them")
        }
        _ => refusal.problem().detail,
    }
}

/// What came of a task, by its last answer.
pub(super) fn verdict(last: &Say) -> Verdict {
    let Say::Refused { code, .. } = last else { return Verdict::Ok };
    match code {
        Code::Absent | Code::NoSuchUpload => Verdict::Absent,
        Code::Busy | Code::Contended | Code::Stopping => Verdict::Busy,
        Code::NoSpace | Code::ReadOnly | Code::Fault => Verdict::Failed,
        Code::Cancelled => Verdict::Gone,
        _ => Verdict::Refused,
    }
}

/// How many bytes came for it.
pub(super) fn received_len(last: &Say) -> u64 {
    match last {
        Say::Stored { received, .. } => *received,
        _ => 0,
    }
}

fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Absent { .. } => Code::Absent,
        Refusal::Mismatch { .. } => Code::Mismatch,
        Refusal::TooLarge { .. } => Code::TooLarge,
        Refusal::NoSpace => Code::NoSpace,
        Refusal::ReadOnly => Code::ReadOnly,
        Refusal::NeedsToken { .. } => Code::NeedsToken,
        Refusal::NeedsWriteToken => Code::NeedsWriteToken,
        Refusal::Unsatisfiable { .. } => Code::BadRange,
        Refusal::Contended { .. } => Code::Contended,
        Refusal::Fault => Code::Fault,
        Refusal::Short | Refusal::Overloaded | Refusal::TooManyConnections | Refusal::TooManyUploads => {
            Code::Busy
        }
        // What only HTTP can get wrong.
        _ => Code::BadMessage,
    }
}
