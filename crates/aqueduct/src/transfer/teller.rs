//! Who hears what happens, and says it: to people on standard error, or as events.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use aqueduct_sys::Usage;
use aqueduct_transfer::{Event, Gauge, Phase, Report, Watch};
use serde_json::{Value, json};

use super::glance::Glance;
use super::pace::Pace;
use super::{Side, To, events, summary};
use crate::fault::Fault;
use crate::output::Output;
use crate::text::{digest_line, shown, size, speed, wait};
use crate::voice::Voice;

/// Says what happens in one transfer.
pub(super) struct Teller<'a, 'b> {
    side: &'a Side,
    gauge: &'a Gauge,
    voice: &'a Voice,
    state: Mutex<State<'a, 'b>>,
    began: Instant,
    used: Usage,
}

struct State<'a, 'b> {
    output: &'a mut Output<'b>,
    phase: Phase,
    name: String,
    pace: Pace,
    /// Why something could not be printed.
    unsaid: Option<Fault>,
}

impl<'a, 'b> Teller<'a, 'b> {
    pub(super) fn new(
        side: &'a Side,
        gauge: &'a Gauge,
        voice: &'a Voice,
        output: &'a mut Output<'b>,
    ) -> Self {
        // A complaint would be a line that is no event.
        voice.set_mute(side.events == Some(To::Stderr));
        let (phase, name, pace) = (Phase::Connect, side.name.clone(), Pace::default());
        let state = Mutex::new(State { output, phase, name, pace, unsaid: None });
        let (began, used) = (Instant::now(), aqueduct_sys::process_usage());
        let teller = Self { side, gauge, voice, state, began, used };
        // In both units: who meant the other one sees it.
        if let Some(rate) = side.limit {
            teller.say(|| format!("at most {}", speed(rate.get())));
        }
        teller
    }

    pub(super) fn voice(&self) -> &'a Voice {
        self.voice
    }

    pub(super) fn tells_events(&self) -> bool {
        self.side.events.is_some()
    }

    /// How far it is.
    pub(super) fn glance(&self) -> Glance {
        let gauge = self.gauge;
        let verified = gauge.verified();
        let mut state = self.state();
        if state.phase == Phase::Connect {
            // Time in which nothing could move says nothing of how fast it will.
            state.pace = Pace::default();
        }
        Glance {
            phase: state.phase,
            name: state.name.clone(),
            done: verified.saturating_add(gauge.resumed()),
            verified,
            total: gauge.total(),
            rate: state.pace.at(self.began.elapsed(), verified),
            streams: gauge.streams(),
            limit: gauge.limit(),
        }
    }

    pub(super) fn tell(&self, glance: &Glance) {
        if self.tells_events() {
            self.event("progress", glance.json());
        } else {
            self.voice.print(&glance.line());
        }
    }

    /// Somebody asks, by a signal.
    pub(super) fn glance_now(&self) {
        self.tell(&self.glance());
    }

    pub(super) fn stopping(&self) {
        self.say(|| "stopping; another signal ends it at once".to_owned());
    }

    /// Says what came of it.
    ///
    /// # Errors
    /// Where something of it failed, or could not be printed.
    pub(super) fn done(&self, report: &Report) -> Result<(), Fault> {
        let now = aqueduct_sys::process_usage();
        let busy = (now.user + now.system).saturating_sub(self.used.user + self.used.system);
        if self.side.is_dry_run {
            self.say(|| "nothing was done (--dry-run)".to_owned());
        } else {
            self.say(|| summary::lines(report, busy).join("\n"));
        }
        self.event("done", summary::json(report, busy, self.side.is_dry_run));
        if let Some(fault) = self.state().unsaid.take() {
            return Err(fault);
        }
        match usize::try_from(report.failed_count).unwrap_or(usize::MAX) {
            0 => Ok(()),
            failed => {
                let whole = usize::try_from(report.file_count).unwrap_or(usize::MAX);
                Err(Fault::Some { failed, of: whole.saturating_add(failed) })
            }
        }
    }

    /// People are told by whoever ends the program.
    pub(super) fn failed(&self, fault: &Fault) {
        self.event("error", events::error(fault));
    }

    /// To people.
    fn say(&self, text: impl FnOnce() -> String) {
        if !self.tells_events() {
            self.voice.say(&text());
        }
    }

    /// To scripts.
    fn event(&self, name: &str, mut members: Value) {
        let Some(to) = self.side.events else { return };
        members["v"] = json!(events::VERSION);
        members["event"] = json!(name);
        match to {
            To::Stdout => self.line(|output| output.json(&members)),
            To::Stderr => self.voice.print(&members.to_string()),
        }
    }

    fn line(&self, print: impl FnOnce(&mut Output<'_>) -> Result<(), Fault>) {
        let mut state = self.state();
        if let Err(fault) = print(state.output).and_then(|()| state.output.flush()) {
            state.unsaid.get_or_insert(fault);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<'a, 'b>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What people are told of it.
    fn tell_people(&self, event: &Event<'_>) {
        match event {
            Event::Listening { ticket, raw, name, size, http_path, .. } => {
                let invitation = &self.side.invitation;
                let invited =
                    super::invitation::Listening { ticket, raw: *raw, name, size: *size, path: *http_path };
                // Even the quiet have to know what to type.
                self.voice.print(&match self.voice.verbosity() {
                    None => invitation.line(&invited),
                    Some(_) => invitation.text(&invited),
                });
            }
            Event::Connected { peer, dialect } => {
                self.say(|| format!("{} is there{}", peer.ip().to_canonical(), events::how(dialect)));
            }
            Event::Plan { file_count, size: bytes, free, held } => {
                let mut parts = Vec::new();
                parts.extend(
                    file_count.map(|count| format!("{count} {}", if count == 1 { "file" } else { "files" })),
                );
                parts.extend(bytes.map(size));
                parts.extend((*held > 0).then(|| format!("of which {} are there already", size(*held))));
                parts.extend(free.map(|free| format!("{} free at the receiver", size(free))));
                match (parts.is_empty(), self.side.is_dry_run) {
                    (true, _) => {}
                    (false, true) => self.say(|| parts.join(", ")),
                    (false, false) => self.detail(|| parts.join(", ")),
                }
            }
            Event::Phase(phase) => self.detail(|| phase.to_string()),
            Event::File { path, size: bytes, digest } => self.detail(|| {
                let digest = digest.map(|digest| format!("{digest}  ")).unwrap_or_default();
                format!("{digest}{}  {}", shown_bytes(path), size(*bytes))
            }),
            // A failure is never silent.
            Event::Left { path, why } => {
                self.voice.print(&format!("left out {}: {}", shown_bytes(path), shown(Path::new(why))));
            }
            Event::Retry { count, count_max, why, pause } => self.say(|| {
                let why = shown(Path::new(why));
                format!("{why}; trying again in {} ({count} of {count_max})", wait(*pause))
            }),
            Event::Note(text) => self.say(|| shown(Path::new(text))),
        }
    }

    fn detail(&self, text: impl FnOnce() -> String) {
        if !self.tells_events() {
            self.voice.detail(text);
        }
    }

    fn remember(&self, event: &Event<'_>) {
        // There may be very many of the others.
        match event {
            Event::Phase(phase) => self.state().phase = *phase,
            Event::Retry { .. } => self.state().phase = Phase::Connect,
            Event::Listening { name, .. } if !name.is_empty() => self.state().name = shown(Path::new(name)),
            _ => {}
        }
    }
}

impl Watch for Teller<'_, '_> {
    fn hear(&self, event: &Event<'_>) {
        self.remember(event);
        if let (Some(prefix), Event::File { path, digest: Some(digest), .. }) =
            (&self.side.print_digests, event)
        {
            let digest = digest.to_string();
            let hex = digest.split_once(':').map_or(digest.as_str(), |(_, hex)| hex);
            self.line(|output| output.line(digest_line(hex, &prefix.path(path))));
        }
        if self.tells_events() {
            let (name, members) = events::members(event, &self.side.invitation);
            self.event(name, members);
        } else {
            self.tell_people(event);
        }
    }

    fn hears_files(&self) -> bool {
        self.tells_events() || self.side.print_digests.is_some() || self.voice.tells_details()
    }
}

fn shown_bytes(path: &[u8]) -> String {
    shown(Path::new(OsStr::from_bytes(path)))
}
