use std::num::NonZeroUsize;

use super::spread::digits;
use super::*;
use crate::arm::Bound;
use crate::meter::Spent;

fn machine() -> Machine {
    Machine {
        kernel: "Linux 6.18.1 x86_64".to_owned(),
        processor: "A <fast> & \"new\" one".to_owned(),
        core_count: NonZeroUsize::MIN,
        memory: 24 << 30,
        dir: "/srv".to_owned(),
        filesystem: "ext4".to_owned(),
        congestion_control: "bbr".to_owned(),
    }
}

fn arm(group: Group, name: &str, bound: Bound) -> Arm {
    Arm {
        group,
        name: name.to_owned(),
        about: "a way, <b>\"so\"</b>",
        has_cold: true,
        bound,
        counts_calls: group != Group::Hash,
        run: Box::new(|_| unreachable!("a report runs nothing")),
    }
}

/// Three operations in so many milliseconds each, of which so much was processor time.
fn sample(size: u64, wall_ms: u64, cpu_ms: u64) -> Sample {
    let cpu = Duration::from_millis(cpu_ms * 3);
    Sample {
        operations: 3,
        bytes: size * 3,
        wall: Duration::from_millis(wall_ms * 3),
        spent: Spent { cpu, calls: 6, switches: 9 },
        busiest_cpu: cpu,
        far_cpu: Duration::ZERO,
    }
}

fn figure(name: &str, size: u64, cpu_ms: u64) -> Figure {
    let arm = arm(Group::Send, name, Bound::Calls);
    Figure::of(&arm, Temperature::Hot, size, &[sample(size, 10, cpu_ms)])
}

fn report(figures: Vec<Figure>) -> Report {
    let skipped = Skipped {
        arm: "local/reflink".to_owned(),
        what: None,
        reason: "ioctl(FICLONE): Operation not supported".to_owned(),
    };
    Report {
        machine: machine(),
        round_count: 3,
        took: Duration::from_secs(9),
        figures,
        skipped: vec![skipped],
    }
}

fn full() -> Report {
    let mut figures = Vec::new();
    for (name, cpu) in [("copy 4 KiB", 9), ("copy 64 KiB", 6), ("copy 256 KiB", 5), ("sendfile", 3)] {
        for size in [4096, 1 << 20, 7_000_000] {
            figures.push(figure(name, size, cpu));
        }
    }
    let hash = arm(Group::Hash, "sha256, all cores", Bound::HashOnAllCores);
    figures.push(Figure::of(&hash, Temperature::Cold, 1 << 20, &[sample(1 << 20, 10, 10)]));
    report(figures)
}

#[test]
fn a_figure_is_a_median_with_its_spread() {
    let samples = [sample(1 << 30, 2000, 500), sample(1 << 30, 1000, 400), sample(1 << 30, 4000, 600)];
    let figure = Figure::of(&arm(Group::Send, "sendfile", Bound::Calls), Temperature::Hot, 1 << 30, &samples);
    assert_eq!(figure.rate, Spread { median: 0.5, min: 0.25, max: 1.0, low: 0.25, high: 1.0 });
    assert_eq!(figure.cpu.to_string(), "0.500 (0.400-0.600)");
    assert_eq!(figure.calls.map(|calls| calls.median), Some(2.0));
    assert!((figure.switches.median - 3.0).abs() < 1e-9);
    assert!((figure.wall.median - 2.0).abs() < 1e-9);
    assert_eq!(figure.sample_count, 3);
    assert_eq!(Spread::of([4.0, 1.0]).median, 2.5, "of two the mean");
    assert_eq!(Spread::of([9.0, 1.0, 2.0, 4.0]).median, 3.0, "of four the mean of those in the middle");
    let uncounted = arm(Group::Hash, "sha256, all cores", Bound::HashOnAllCores);
    assert_eq!(Figure::of(&uncounted, Temperature::Hot, 1, &samples).calls, None);
}

#[test]
fn what_limits_is_who_is_busy() {
    use Temperature::{Cold, Hot};
    let limit =
        |group, bound, temperature, sample| Limit::of(&arm(group, "it", bound), temperature, &[sample]);
    let busy = sample(1, 100, 90);
    let idle = sample(1, 100, 50);
    let far = Sample { far_cpu: Duration::from_millis(270), ..idle };
    for (group, bound, temperature, sample, expected) in [
        (Group::Send, Bound::Copying, Hot, busy, Limit::Copying),
        (Group::Send, Bound::Calls, Cold, busy, Limit::Core),
        (Group::Hash, Bound::Hash, Hot, busy, Limit::Hash),
        (Group::Hash, Bound::HashOnAllCores, Hot, busy, Limit::Cores),
        (Group::Send, Bound::Calls, Hot, far, Limit::FarEnd),
        (Group::Send, Bound::Calls, Cold, idle, Limit::Disk),
        (Group::Receive, Bound::Copying, Hot, idle, Limit::Waiting),
        (Group::Send, Bound::Copying, Hot, idle, Limit::Waiting),
    ] {
        assert_eq!(limit(group, bound, temperature, sample), expected, "{group} {bound:?} {temperature}");
    }
}

#[test]
fn a_crossover_is_where_the_rival_stays_ahead() {
    let crossing = |ours: [u64; 4], theirs: [u64; 4]| {
        let sizes = [1 << 10, 1 << 12, 1 << 14, 1 << 16];
        let mut figures = Vec::new();
        for (index, size) in sizes.into_iter().enumerate() {
            figures.push(figure("copy 64 KiB", size, ours[index]));
            figures.push(figure("sendfile", size, theirs[index]));
        }
        let found = report(figures).crossovers();
        let [only] = &found[..] else { panic!("{found:?}") };
        assert_eq!((only.baseline, only.rival), ("copy 64 KiB", "sendfile"));
        (only.size, only.is_everywhere)
    };
    assert_eq!(crossing([5, 5, 5, 5], [9, 9, 4, 3]), (Some(1 << 14), false));
    assert_eq!(
        crossing([5, 5, 5, 5], [4, 9, 4, 3]),
        (Some(1 << 14), false),
        "a lucky small size does not count"
    );
    assert_eq!(crossing([5, 5, 5, 5], [4, 4, 4, 4]), (Some(1 << 10), true));
    assert_eq!(crossing([5, 5, 5, 5], [4, 4, 4, 5]), (None, false), "as much is not less");
    assert!(report(vec![figure("copy 64 KiB", 1, 1), figure("sendfile", 1, 2)]).crossovers().is_empty());
}

#[test]
fn spreads_that_overlap_cross_nowhere() {
    let arms = ["copy 64 KiB", "sendfile"].map(|name| arm(Group::Send, name, Bound::Calls));
    let figure = |index: usize, size, cpus: [u64; 3]| {
        Figure::of(&arms[index], Temperature::Hot, size, &cpus.map(|cpu| sample(size, 10, cpu)))
    };
    let found = |rival: [u64; 3]| {
        let figures = [1, 2]
            .into_iter()
            .flat_map(|size| [figure(0, size << 20, [5, 6, 7]), figure(1, size << 20, rival)]);
        report(figures.collect()).crossovers().remove(0)
    };
    assert_eq!(found([2, 3, 5]).size, None, "the medians alone say 3 and 6");
    assert_eq!(found([2, 3, 5]).to_string(), "clearly at no size measured");
    assert_eq!(found([2, 3, 4]).to_string(), "at every size measured");
}

#[test]
fn the_table_of_2008_stands_beside_what_was_measured() {
    let report = full();
    let columns = vintage::columns(&report);
    let [column] = &columns[..] else { panic!("7 MB alone was measured") };
    assert_eq!((column.title.as_str(), column.copied_2008, column.sent_2008), ("7 MB", 156, 45));
    assert!(column.figures.iter().all(Option::is_some));
    let text = report.text();
    assert!(text.contains("2008, Java, transferTo"), "{text}");
    assert!(text.lines().any(|line| line.contains("here, sendfile") && line.ends_with("10.0")), "{text}");
    // "about 65 %", it said; its rows say 57.
    let saved: f64 = (vintage::COPIED_2008.iter().zip(vintage::SENT_2008))
        .map(|(&copied, sent)| 1.0 - f64::from(sent) / f64::from(copied))
        .sum();
    assert!((saved / 8.0 - 0.57).abs() < 0.01);
}

#[test]
fn the_text_names_what_was_skipped_and_says_that_loopback_flatters() {
    let text = full().text();
    for words in [
        "Linux 6.18.1",
        "local/reflink: ioctl(FICLONE)",
        "flatters",
        "Sending a file",
        "at every size measured",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    let mut many = full();
    many.skipped =
        (0..9).map(|n| Skipped { arm: format!("send/{n}"), what: None, reason: "none".to_owned() }).collect();
    assert!(many.text().contains("send/0, send/1, send/2, send/3 and 5 others: none"));
}

#[test]
fn the_json_has_every_figure() {
    let report = full();
    let json: serde_json::Value = serde_json::from_str(&report.json().to_string()).unwrap();
    assert_eq!(json["figures"].as_array().unwrap().len(), report.figures.len());
    assert_eq!(json["figures"][0]["group"], "send");
    assert_eq!(json["figures"][0]["gib_per_second"]["median"], report.figures[0].rate.median);
    assert_eq!(json["machine"]["core_count"], 1);
    assert_eq!(json["table_2008"][0]["java_2008_copy_ms"], 156);
    assert!((json["table_2008"][0]["sendfile_ms"].as_f64().unwrap() - 10.0).abs() < 1e-6);
    assert_eq!(json["figures"][0]["samples"], 1);
    assert_eq!(json["crossovers"].as_array().unwrap().len(), 3);
    assert_eq!(json["crossovers"][0]["is_everywhere"], true);
    assert_eq!(json["skipped"][0]["reason"], report.skipped[0].reason);
    assert!(json["figures"].as_array().unwrap().last().unwrap()["calls_per_gib"].is_null());
}

#[test]
fn every_line_of_the_csv_has_as_many_cells() {
    let report = full();
    let csv = report.csv();
    let cells = |line: &str| {
        // A comma between quotes is none: every other piece is quoted.
        line.split('"').step_by(2).map(|piece| piece.matches(',').count()).sum::<usize>() + 1
    };
    let counts: Vec<usize> = csv.lines().map(cells).collect();
    assert_eq!(counts, vec![16; report.figures.len() + 1], "{csv}");
    assert!(csv.starts_with("group,arm,"));
    assert!(csv.contains("hash,\"sha256, all cores\",cold,1048576,3,1,"));
}

#[test]
fn the_page_is_well_formed_and_loads_nothing() {
    for report in [full(), report(Vec::new())] {
        let page = report.html();
        let mut open = Vec::new();
        let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
        let (before, style) = body.split_once("<style>").unwrap();
        let (_, after) = style.split_once("</style>").unwrap();
        for piece in format!("{before}{after}").split('<').skip(1) {
            let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("{piece:?} does not end"));
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split([' ', '/']).next().unwrap();
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name.to_owned()));
            } else if !tag.ends_with('/') && name != "meta" && !(name == "line" || name == "rect") {
                open.push(name.to_owned());
            }
        }
        assert!(open.is_empty(), "{open:?} are not closed");
        for word in ["http:", "https:", "src=", "href=", "@import", "url(", "<script"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("A &lt;fast&gt; &amp; &quot;new&quot; one"));
        assert!(page.contains("viewport") && page.contains("prefers-color-scheme: dark"));
    }
    let page = full().html();
    assert!(page.contains("<polyline") && page.contains("<rect") && page.contains("The table of 2008"));
    assert!(!page.contains("NaN") && !page.contains("inf"), "every place is a place");
}

#[test]
fn figures_have_three_digits_and_sizes_a_unit() {
    for (figure, text) in [
        (0.0, "0"),
        (1e-12, "0"),
        (0.000_012_34, "0.0000123"),
        (0.01234, "0.0123"),
        (0.09996, "0.100"),
        (0.9996, "1.00"),
        (99.96, "100"),
        (1.0, "1.00"),
        (9.99, "9.99"),
        (12.34, "12.3"),
        (123.4, "123"),
    ] {
        assert_eq!(digits(figure), text);
    }
    for (size, text) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (4096, "4 KiB"),
        (5000, "4.88 KiB"),
        (7_000_000, "6.68 MiB"),
        (1 << 30, "1 GiB"),
        (25_276_502_016, "23.5 GiB"),
    ] {
        assert_eq!(size_text(size), text);
    }
}

#[test]
fn beside_an_axis_no_zero_stands_that_says_nothing() {
    let ticks = [0.005, 0.01, 0.000_2, 2.0, 10.0, 5000.0, 5.0 * 10_f64.powf(-7.0)].map(plot::tick);
    assert_eq!(ticks, ["0.005", "0.01", "0.0002", "2", "10", "5000", "0.0000005"]);
}

#[test]
fn a_way_that_was_measured_at_one_size_alone_has_no_line() {
    let line =
        |name: &str, points: &[(u64, f64)]| plot::Line { name: name.to_owned(), points: points.to_vec() };
    let mut page = String::new();
    plot::lines(
        &mut page,
        "by size",
        &[line("long", &[(1024, 1.0), (4096, 2.0)]), line("short", &[(1024, 1.0)])],
    );
    assert_eq!(page.matches("<polyline").count(), 1, "{page}");
    assert!(page.contains("long") && !page.contains("short"), "{page}");
    let mut page = String::new();
    plot::lines(
        &mut page,
        "by size",
        &[line("short", &[(1024, 1.0)]), line("none", &[(1024, 0.0), (4096, 1.0)])],
    );
    assert_eq!(page, "");
}
