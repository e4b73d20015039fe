//! Requests that put the same question: the first asks, and what comes of it counts for the others too.

use crate::{Denial, PermitReason, fingerprint::Fingerprint};

use super::waiting::Waiting;

/// Who asks which question, and what those hear who have waited for its answer.
#[derive(Debug, Default)]
pub(super) struct Coalescing {
    asking: Vec<(Fingerprint, u32)>,
    /// Whom what is told, once they are woken.
    told: Vec<(u32, Fingerprint, Word)>,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The service's last word.
    Said(Result<PermitReason, Denial>),
    /// Nobody could be asked. What counts then, each request knows for itself.
    Unavailable(Denial),
}

/// How many questions are remembered at once, to be looked through by each request. Those beyond them ask for themselves.
const MOST: usize = 1024;

impl Coalescing {
    /// Whether a request is to ask; else somebody else does already.
    pub(super) fn is_to_ask(&mut self, question: Fingerprint, stream: u32) -> bool {
        let asking = self.asking.iter().find(|(of, _)| *of == question).map(|(_, asking)| *asking);
        if asking.is_none() && self.asking.len() < MOST {
            self.asking.push((question, stream));
        }
        asking.is_none_or(|asking| asking == stream)
    }

    /// A request has heard what came of its question: who waits for that hears it too.
    pub(super) fn tell(&mut self, question: Fingerprint, stream: u32, word: Word, waiting: &mut Waiting) {
        if let Some(place) = self.place(question, stream) {
            self.asking.swap_remove(place);
            self.told.extend(waiting.wake_for(question).into_iter().map(|stream| (stream, question, word)));
        }
    }

    /// A request is done with its question. If it has not told what came of it, the first who waits for that asks.
    pub(super) fn leave(&mut self, question: Fingerprint, stream: u32, waiting: &mut Waiting) {
        self.hear(question, stream);
        if let Some(place) = self.place(question, stream) {
            self.asking.swap_remove(place);
            self.asking.extend(waiting.wake_first_for(question).map(|next| (question, next)));
        }
    }

    /// Where it stands that a request asks a question.
    fn place(&self, question: Fingerprint, stream: u32) -> Option<usize> {
        self.asking.iter().position(|(of, asking)| *asking == stream && *of == question)
    }

    /// What a request is told, once.
    pub(super) fn hear(&mut self, question: Fingerprint, stream: u32) -> Option<Word> {
        let place = self.told.iter().position(|(told, of, _)| *told == stream && *of == question)?;
        Some(self.told.swap_remove(place).2)
    }
}

#[cfg(test)]
mod tests;
