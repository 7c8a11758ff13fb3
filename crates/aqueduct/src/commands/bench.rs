//! `bench`: the ways of moving bytes, measured; all of the measuring is in `aqueduct-bench`.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use aqueduct_bench::{Choice, Clock, Report};
use aqueduct_client::Landing;
use aqueduct_sys::Placed;
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::fault::Fault;
use crate::flags::Bench;
use crate::output::Output;
use crate::text::shown;
use crate::voice::{Show, Voice};

mod calibrate;

pub(super) fn run(bench: &Bench, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    if bench.calibrate {
        return calibrate::run(bench, json, voice, output);
    }
    let page = bench.html.as_deref().map(|path| Page::begin(path, bench.force)).transpose()?;
    let report = measure(bench, voice)?;
    // First of all: whoever reads standard output may be gone.
    page.map_or(Ok(()), |page| page.land(&report))?;
    if json {
        output.json(&report.json())?;
    } else if bench.csv {
        output.text(report.csv().as_bytes())?;
        // Lines of figures have no place for it.
        if let Some(left_out) = report.left_out() {
            voice.say(left_out.trim_end());
        }
    } else {
        output.text(report.text().as_bytes())?;
    }
    if report.figures.is_empty() { Err(Fault::NothingMeasured) } else { Ok(()) }
}

fn measure(bench: &Bench, voice: &Voice) -> Result<Report, Fault> {
    if bench.size.iter().any(|size| size.0 == 0) {
        return Err(Fault::Usage("nothing can be measured of a file without bytes".to_owned()));
    }
    let choice = Choice {
        wanted: bench.wanted.clone(),
        sizes: bench.size.iter().map(|size| size.0).collect(),
        is_quick: bench.quick,
        time: bench.time.map(Duration::from_secs),
    };
    let measured = aqueduct_bench::Bench::new(&bench.dir, &choice)?;
    Ok(while_showing(voice, |clock, tell| measured.run(clock, tell))?)
}

/// Has somebody measure, and shows what is done meanwhile.
fn while_showing<T>(voice: &Voice, measure: impl FnOnce(&mut Clock<'_>, &mut dyn FnMut(&str)) -> T) -> T {
    let bar = (voice.show() == Show::Bar).then(|| {
        let target = ProgressDrawTarget::term_like(Box::new(Term::buffered_stderr()));
        ProgressBar::with_draw_target(None, target)
    });
    voice.set_bar(bar.clone());
    let began = Instant::now();
    let measured = measure(&mut || began.elapsed(), &mut |doing| match &bar {
        Some(bar) => {
            bar.set_message(format!("bench: {doing}"));
            bar.tick();
        }
        None => voice.detail(|| doing.to_owned()),
    });
    voice.set_bar(None);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    measured
}

/// The page, a file without a name until it is whole.
struct Page<'a> {
    path: &'a Path,
    force: bool,
    landing: Landing,
}

impl<'a> Page<'a> {
    /// Before anything is measured: what cannot be written must not cost a minute.
    fn begin(path: &'a Path, force: bool) -> Result<Self, Fault> {
        if !force && path.symlink_metadata().is_ok() {
            return Err(Fault::Exists { path: shown(path) });
        }
        let landing = Landing::begin(path).map_err(|source| Fault::Landing { path: shown(path), source })?;
        Ok(Self { path, force, landing })
    }

    fn land(self, report: &Report) -> Result<(), Fault> {
        let fault = |source| Fault::Landing { path: shown(self.path), source };
        self.landing.file().write_all(report.html().as_bytes()).map_err(fault)?;
        match self.landing.land(false, self.force).map_err(fault)? {
            Placed::New => Ok(()),
            Placed::NameTaken => Err(Fault::Exists { path: shown(self.path) }),
        }
    }
}
