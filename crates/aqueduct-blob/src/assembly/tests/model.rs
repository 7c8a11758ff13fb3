//! Every state that two senders can bring about, one of whom may be wrong in everything, and what holds in all of them.
//!
//! Three segments, of each a good and a damaged copy; of each checkpoint the right claim and a wrong one. What the two
//! can do is tried in every order, from every state that was reached before, until there are no new ones.

use std::collections::{HashMap, HashSet};

use super::*;

const COUNT: u64 = 3;
const SIZE: u64 = 2 * SEGMENT_LEN + 100;
const WRONG: [u8; 32] = [0xee; 32];

#[test]
fn whatever_two_senders_do_the_name_is_that_of_the_bytes_and_an_honest_one_comes_through() {
    for algorithm in Algorithm::ALL {
        let mut world = World::new(algorithm);
        let start = State::new(algorithm);
        let mut seen = HashSet::from([start.key()]);
        let mut waiting = vec![start];
        while let Some(state) = waiting.pop() {
            world.check(&state);
            for act in Act::all() {
                if let Some(next) = world.act(&state, act)
                    && seen.insert(next.key())
                {
                    waiting.push(next);
                }
            }
        }
        assert!(seen.len() > 1000, "{algorithm} has {} states", seen.len());
    }
}

/// A copy of a segment: as it is, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Copy {
    Good,
    Damaged,
}

/// One of the two senders.
type Sender = usize;

#[derive(Clone, Copy, Debug)]
enum Act {
    Begin(Sender, u64),
    /// All bytes came; of the segment that the sender had begun.
    Land(Sender, Copy),
    Claim(u64, bool),
    Forget,
    Finish,
}

impl Act {
    fn all() -> impl Iterator<Item = Self> {
        let of_sender = |sender| {
            let begins = (0..COUNT).map(move |index| Self::Begin(sender, index));
            begins.chain([Copy::Good, Copy::Damaged].map(|copy| Self::Land(sender, copy)))
        };
        let claims = (0..COUNT).flat_map(|entry| [true, false].map(|right| Self::Claim(entry, right)));
        (0..2).flat_map(of_sender).chain(claims).chain([Self::Forget, Self::Finish])
    }
}

#[derive(Clone, Debug)]
struct State {
    assembly: Assembly,
    /// What was written last where each segment lies.
    file: [Option<Copy>; 3],
    /// What each sender is in the middle of: the segment and what it began from.
    begun: [Option<(u64, [u8; 32])>; 2],
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        Self { assembly: Assembly::new(algorithm, SIZE), file: [None; 3], begun: [None; 2] }
    }

    /// What tells it from others; which of the two senders does what is all the same.
    fn key(&self) -> Vec<u8> {
        let mut begun = self.begun;
        begun.sort_unstable();
        format!("{:?}{:?}{begun:?}", self.assembly, self.file).into_bytes()
    }
}

struct World {
    good: Sent,
    damaged: Vec<u8>,
    /// What hashing came to, by segment, start and copy: bytes are hashed once.
    ends: HashMap<(u64, [u8; 32], Copy), [u8; 32]>,
}

impl World {
    fn new(algorithm: Algorithm) -> Self {
        let good = Sent::new(algorithm, SIZE);
        let mut damaged = good.bytes.clone();
        for index in 0..COUNT {
            damaged[usize::try_from(index * SEGMENT_LEN).unwrap() + 7] ^= 1;
        }
        Self { good, damaged, ends: HashMap::new() }
    }

    fn algorithm(&self) -> Algorithm {
        self.good.hashed.digest.algorithm()
    }

    fn end(&mut self, index: u64, before: [u8; 32], copy: Copy) -> [u8; 32] {
        let Self { good, damaged, ends } = self;
        *ends.entry((index, before, copy)).or_insert_with(|| {
            let mut hasher = match good.hashed.digest.algorithm() {
                Algorithm::Blake3 => SegmentHasher::tree(SIZE, index),
                Algorithm::Sha256 => {
                    let start =
                        if index == 0 { Chain::new() } else { Chain::resume(&before, index * SEGMENT_LEN) };
                    SegmentHasher::chain(SIZE, index, start)
                }
            };
            let bytes = if copy == Copy::Good { &good.bytes } else { &*damaged };
            let range = segment_range(SIZE, index);
            hasher.update(&bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
            hasher.finish()
        })
    }

    /// The state after an act; `None` where it cannot be done.
    fn act(&mut self, state: &State, act: Act) -> Option<State> {
        let mut next = state.clone();
        match act {
            Act::Begin(sender, index) => {
                let hasher = next.assembly.begin(index)?;
                // A segment has one receiver at a time: the newer takes it over.
                for begun in
                    next.begun.iter_mut().filter(|begun| begun.is_some_and(|(other, _)| other == index))
                {
                    *begun = None;
                }
                if next.assembly.is_held(index) {
                    return None;
                }
                next.begun[sender] = Some((index, *hasher.before()));
            }
            Act::Land(sender, copy) => {
                let (index, before) = next.begun[sender].take()?;
                let after = self.end(index, before, copy);
                next.file[usize::try_from(index).unwrap()] = Some(copy);
                let _landed = next.assembly.put(index, Link { before, after });
            }
            Act::Claim(entry, is_right) => {
                let claimed =
                    if is_right { *self.good.entries().get(usize::try_from(entry).unwrap())? } else { WRONG };
                let held =
                    |assembly: &Assembly| (0..COUNT).filter(|index| assembly.is_held(*index)).collect();
                let before: HashSet<u64> = held(&next.assembly);
                let dropped = next.assembly.claim(entry, &[claimed]).ok()?;
                let after: HashSet<u64> = held(&next.assembly);
                assert_eq!(
                    before.difference(&after).copied().collect::<HashSet<_>>(),
                    dropped.into_iter().collect()
                );
            }
            Act::Forget => next.assembly.forget_claims(),
            Act::Finish => {
                let expected = self.good.hashed.digest;
                match next.assembly.finish(Some(&expected)) {
                    Ok(hashed) => {
                        assert_eq!((&hashed, next.file), (&self.good.hashed, [Some(Copy::Good); 3]));
                    }
                    Err(Unfinished::Mismatch { actual }) => assert_eq!(actual, self.name(next.file)),
                    Err(Unfinished::Missing(_) | Unfinished::Broken(_)) => {}
                }
            }
        }
        Some(next)
    }

    /// The name of what was written.
    fn name(&mut self, file: [Option<Copy>; 3]) -> Digest {
        let mut before = if self.algorithm() == Algorithm::Blake3 { [0; 32] } else { Chain::new().state() };
        let mut ends = Vec::new();
        for (index, copy) in (0..).zip(file) {
            let end = self.end(index, before, copy.unwrap());
            ends.push(end);
            if self.algorithm() == Algorithm::Sha256 {
                before = end;
            }
        }
        let bytes = if self.algorithm() == Algorithm::Blake3 { tree::root(&ends) } else { ends[2] };
        Digest::new(self.algorithm(), bytes)
    }

    fn check(&mut self, state: &State) {
        for (&index, link) in &state.assembly.held {
            let copy = state.file[usize::try_from(index).unwrap()].unwrap();
            assert_eq!(
                link.after,
                self.end(index, link.before, copy),
                "a record is of the bytes that are there"
            );
            assert!(state.assembly.agrees(index, link), "a record agrees with the claims");
        }
        // Whatever is named without an expectation is what was written.
        if let Ok(hashed) = state.assembly.clone().finish(None) {
            assert_eq!(hashed.digest, self.name(state.file));
        }
        self.check_that_an_honest_sender_comes_through(state.clone());
    }

    fn check_that_an_honest_sender_comes_through(&mut self, mut state: State) {
        state.assembly.claim(0, self.good.entries()).unwrap();
        for _ in 0..ROUND_COUNT_MAX {
            for index in state.assembly.missing().collect::<Vec<_>>() {
                let before = *state.assembly.begin(index).unwrap().before();
                let after = self.end(index, before, Copy::Good);
                state.file[usize::try_from(index).unwrap()] = Some(Copy::Good);
                let landed = state.assembly.put(index, Link { before, after });
                assert!(matches!(landed, Landed::Held(_)), "what is good is held");
            }
            match state.assembly.finish(Some(&self.good.hashed.digest)) {
                Ok(hashed) => return assert_eq!(hashed, self.good.hashed),
                // The one thing that is believed against it: the same damage to the last segment, twice.
                Err(Unfinished::Mismatch { .. }) => {
                    return assert_eq!(
                        state.file[2],
                        Some(Copy::Damaged),
                        "it is told that it has another blob"
                    );
                }
                Err(Unfinished::Missing(_) | Unfinished::Broken(_)) => {}
            }
        }
        panic!("an honest sender has to send more than twice");
    }
}

/// Everything once, and the last segment of a chain once more.
const ROUND_COUNT_MAX: usize = 2;
