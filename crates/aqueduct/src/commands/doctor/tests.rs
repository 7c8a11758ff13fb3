#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use aqueduct_flow::probe::{PipeLen, Sending, Tried};
use aqueduct_sys::{DescriptorLimit, Errno, Error, Room};

use ::landlock::{ABI, LandlockStatus};

use super::*;

const MIB: u64 = 1 << 20;

fn errno(errno: Errno) -> Error {
    Error::new("call", errno)
}

/// Each verdict has this state, advice where something is to be done and none where all is well, and is a line.
#[track_caller]
fn assert_states<const N: usize>(verdicts: [Verdict; N], states: [State; N]) {
    for (verdict, state) in verdicts.into_iter().zip(states) {
        assert_eq!(verdict.state, state, "{verdict:?}");
        assert_eq!(verdict.advice.is_some(), state != State::Good, "{verdict:?}");
        let words = [Some(&verdict.found), verdict.advice.as_ref()];
        assert!(words.into_iter().flatten().all(|text| !text.is_empty() && !text.contains('\n')));
    }
}

#[test]
fn every_probe_has_a_name_of_its_own_that_fits_and_a_group_in_one_piece() {
    let names: BTreeSet<_> = PROBES.iter().map(|probe| probe.name).collect();
    assert_eq!(names.len(), PROBES.len());
    assert!(names.iter().all(|name| name.len() <= NAME_LEN));
    let mut groups: Vec<_> = PROBES.iter().map(|probe| probe.group).collect();
    groups.dedup();
    assert_eq!(groups, ["kernel", "filesystem", "limits", "network", "hashing", "space"]);
}

#[test]
fn a_line_shows_state_and_name_and_fact_below_those_of_the_others() {
    let probe = &PROBES[0];
    assert_eq!(line(probe, &Verdict::good("fact")), "  good    kernel              fact");
    assert_eq!(line(probe, &Verdict::action("fact", "do")).find("fact"), Some(INDENT));
    let object = object(probe, &Verdict::note("fact", "do"));
    assert_eq!(object, json!({ "name": "kernel", "state": "note", "found": "fact", "advice": "do" }));
}

#[test]
fn a_store_that_is_missing_is_tried_where_it_would_be_and_one_that_cannot_be_needs_action() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::File::create(&file).unwrap();
    let look = |path: &Path| store::look(&Place::find(path.to_owned()));
    let missing = dir.path().join("a/b");
    assert_states(
        [look(&missing), look(&file), look(&file.join("below"))],
        [State::Note, State::Action, State::Action],
    );
    let place = Place::find(missing);
    assert_eq!(place.path, dir.path());
    assert!(!place.is_wanted() && place.ground.is_ok());
    drop(place);
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names, [file]);
}

#[test]
fn what_a_server_would_refuse_to_open_needs_action_and_an_empty_directory_does_not() {
    let dir = tempfile::TempDir::new().unwrap();
    let look = |path: &Path| store::look(&Place::find(path.to_owned()));
    let empty = look(dir.path());
    assert!(empty.found.ends_with(", empty as yet"), "{empty:?}");
    let file = dir.path().join("a\nb");
    std::fs::File::create(&file).unwrap();
    let full = look(dir.path());
    assert!(full.found.contains("is not a store"), "{full:?}");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("nowhere\n", &link).unwrap();
    let dangling = look(&link);
    assert!(dangling.found.contains("is a symbolic link to nothing"), "{dangling:?}");
    let below = look(&link.join("store"));
    let named = link.with_file_name("named");
    std::fs::create_dir(&named).unwrap();
    std::fs::File::create(named.join("aqueduct-store")).unwrap();
    let damaged = look(&named);
    assert!(damaged.advice.as_ref().unwrap().contains("backup"), "{damaged:?}");
    use State::{Action, Good};
    assert_states([empty, full, dangling, below, damaged], [Good, Action, Action, Action, Action]);
}

#[test]
fn where_no_file_can_be_made_the_rest_is_not_tried_and_said_so() {
    let place = Place::find(PathBuf::from("/proc"));
    let unnamed = store::look_unnamed(&place);
    assert_states([unnamed], [State::Action]);
    for look in [routes::look_sendfile, routes::look_nowait, verity::look] {
        assert_eq!(look(&place), Verdict::untried());
    }
}

#[test]
fn why_no_file_can_be_made_decides_what_to_do_about_it() {
    for (reason, advice) in [
        (Errno::ROFS, "mount"),
        (Errno::ACCESS, "let this user"),
        (Errno::NOSPC, "free"),
        (Errno::NOTDIR, "choose"),
        (Errno::OPNOTSUPP, "ext4"),
        (Errno::ISDIR, "ext4"),
    ] {
        let verdict = store::judge_unnamed(Err(errno(reason)));
        assert!(verdict.advice.as_ref().unwrap().contains(advice), "{verdict:?}");
        assert_states([verdict], [State::Action]);
    }
    assert_states([store::judge_unnamed(Ok(()))], [State::Good]);
}

#[test]
fn a_route_that_is_missing_is_worth_knowing_and_no_more() {
    let sendfile = [
        Sending::ByReference,
        Sending::ByCopy,
        Sending::Refused(Errno::INVAL),
        Sending::Untried(Errno::TIMEDOUT),
    ];
    assert_states(sendfile.map(routes::judge_sendfile), [State::Good, State::Note, State::Note, State::Note]);
    let tried = [Tried::Works, Tried::Lies, Tried::Refused(Errno::OPNOTSUPP), Tried::Untried(Errno::NOSPC)];
    let judged = tried.map(|tried| routes::judge(tried, "works", "do"));
    let advice = judged.each_ref().map(|verdict| verdict.advice.as_deref());
    assert_eq!(advice, [None, Some("do"), Some("do"), Some("free some space, and ask again")]);
    assert_states(judged, [State::Good, State::Note, State::Note, State::Note]);
}

#[test]
fn what_could_not_be_tried_says_why_and_what_was_in_the_way() {
    for (reason, words, advice) in [
        (Errno::MFILE, "Too many open files", "descriptors"),
        (Errno::NOSPC, "No space left", "free some space"),
        (Errno::NOMEM, "Cannot allocate", "memory"),
        (Errno::TIMEDOUT, "timed out", "firewall"),
        (Errno::IO, "Input/output", "log"),
    ] {
        let verdict = untried::untried(reason);
        assert!(verdict.found.starts_with("not tried: ") && verdict.found.contains(words), "{verdict:?}");
        assert!(verdict.advice.as_ref().unwrap().contains(advice), "{verdict:?}");
        assert_states([verdict], [State::Note]);
    }
}

#[test]
fn kernels_are_told_apart_by_number_and_not_by_letter() {
    let releases = ["4.19.0", "5.7.19", "5.8.0", "5.10.0-8-amd64", "6.18.44-fc", "10.0", "odd"];
    let judged = releases.map(|release| kernel::judge(Some(release)).state);
    use State::{Good, Note};
    assert_eq!(judged, [Note, Note, Good, Good, Good, Good, Good]);
    assert_states([kernel::judge(None)], [Note]);
}

#[test]
fn a_ring_that_is_forbidden_names_who_forbids_it() {
    let forbidden = || Err(errno(Errno::PERM));
    let [open, switched, filtered, absent] = [
        io_uring::judge(Ok(()), Some("0")),
        io_uring::judge(forbidden(), Some("2")),
        io_uring::judge(forbidden(), Some("0")),
        io_uring::judge(Err(errno(Errno::NOSYS)), None),
    ];
    assert!(switched.found.contains("kernel.io_uring_disabled=2") && filtered.found.contains("filter"));
    assert_states([open, switched, filtered, absent], [State::Good, State::Note, State::Note, State::Note]);
}

#[test]
fn as_much_of_landlock_as_the_kernel_lacks_is_noted() {
    let version = |effective_abi| LandlockStatus::Available { effective_abi, kernel_abi: None };
    let found = [
        landlock::judge(version(ABI::V1)),
        landlock::judge(version(ABI::V4)),
        landlock::judge(version(ABI::V6)),
        landlock::judge(version(ABI::V7)),
        landlock::judge(LandlockStatus::NotEnabled),
        landlock::judge(LandlockStatus::NotImplemented),
    ];
    assert!(found[0].found.contains("no connections") && found[1].found.contains("no signals"));
    assert_states(found, [State::Note, State::Note, State::Good, State::Good, State::Note, State::Note]);
}

#[test]
fn a_filesystem_where_a_store_does_not_belong_is_noted() {
    for (kind, state) in [
        ("ext4", State::Good),
        ("xfs", State::Good),
        ("tmpfs", State::Note),
        ("overlay", State::Note),
        ("nfs4", State::Note),
        ("fuse.sshfs", State::Note),
        ("fuseblk", State::Note),
    ] {
        assert_states([filesystem::judge(kind, "/srv")], [state]);
    }
}

#[test]
fn verity_is_there_or_was_left_out_or_is_not_known() {
    let verdicts = [Ok(false), Err(errno(Errno::NOTTY)), Err(errno(Errno::OPNOTSUPP)), Err(errno(Errno::IO))];
    assert_states(verdicts.map(verity::judge), [State::Good, State::Note, State::Note, State::Note]);
}

#[test]
fn room_is_judged_by_what_is_left_of_it() {
    let room = |available, inodes_available| Room {
        size: 1000 * MIB,
        available,
        inode_count: 100_000,
        inodes_available,
        is_read_only: false,
    };
    let plenty = room(500 * MIB, 50_000);
    let read_only = Room { is_read_only: true, ..plenty };
    let bytes = [plenty, room(100 * MIB, 0), room(63 * MIB, 0), room(0, 0), read_only];
    let uncounted = Room { size: 0, ..room(0, 0) };
    let large = Room { size: 100_000 * MIB, ..room(100 * MIB, 0) };
    use State::{Action, Good, Note};
    assert_states(bytes.map(|room| space::judge_bytes(&room)), [Good, Good, Action, Action, Action]);
    assert_states([space::judge_bytes(&large), space::judge_bytes(&uncounted)], [Note, Good]);
    let closed = Room { is_read_only: true, ..uncounted };
    assert_states([space::judge_bytes(&closed)], [Action]);
    let inodes = [plenty, room(0, 4_000), room(0, 999), Room { inode_count: 0, ..room(0, 0) }];
    assert_states(inodes.map(|room| space::judge_inodes(&room)), [Good, Note, Action, Good]);
}

#[test]
fn a_small_pipe_names_the_limit_that_keeps_it_small() {
    let pipe = |len| Ok(PipeLen { wanted: 1 << 20, len });
    let whole = pipes::judge(pipe(1 << 20), Some(MIB), Some(16_384));
    let capped = pipes::judge(pipe(65_536), Some(65_536), Some(16_384));
    let crowded = pipes::judge(pipe(8192), Some(MIB), Some(16_384));
    let none = pipes::judge(Err(errno(Errno::MFILE)), None, None);
    assert!(capped.advice.as_ref().unwrap().contains("pipe-max-size"));
    assert!(crowded.advice.as_ref().unwrap().contains("pipe-user-pages-soft"));
    assert_states([whole, capped, crowded, none], [State::Good, State::Note, State::Note, State::Action]);
}

#[test]
fn descriptors_are_judged_by_the_limit_that_a_server_raises_itself_to() {
    let limit = |hard| descriptors::judge(DescriptorLimit { soft: Some(256), hard });
    let verdicts = [None, Some(1 << 20), Some(4096), Some(256)].map(limit);
    assert_states(verdicts, [State::Good, State::Good, State::Note, State::Action]);
}

#[test]
fn memory_is_judged_by_what_is_left_beside_the_server() {
    let limit = |len| memory::judge(Some(&cgroup::Limit { len, version: 2 }));
    let verdicts = [memory::judge(None), limit(4096 * MIB), limit(256 * MIB), limit(32 * MIB)];
    assert_states(verdicts, [State::Good, State::Good, State::Note, State::Action]);
    let verdicts = [None, Some(8 << 30), Some(1 << 30)].map(memory::judge_addresses);
    assert_states(verdicts, [State::Good, State::Good, State::Note]);
}

#[test]
fn a_group_is_found_in_either_version_and_so_are_those_above_it() {
    let memberships = "4:memory,hugetlb:/jobs/one\n1:cpu:/\n0::/user.slice/a:b\n";
    assert_eq!(cgroup::membership(memberships, "memory"), Some("/jobs/one"));
    assert_eq!(cgroup::membership(memberships, ""), Some("/user.slice/a:b"));
    assert_eq!(cgroup::membership("1:cpu:/\n", "memory"), None);
    let mount = |root: &str| mounts::Mount {
        id: 1,
        root: root.into(),
        point: "/sys/fs/cgroup".into(),
        kind: "cgroup2".to_owned(),
        options: "rw".to_owned(),
    };
    let found = cgroup::directories(&mount("/"), "/jobs/one");
    assert_eq!(
        found,
        ["/sys/fs/cgroup/jobs/one", "/sys/fs/cgroup/jobs", "/sys/fs/cgroup/"].map(PathBuf::from)
    );
    let inside = cgroup::directories(&mount("/docker/7"), "/docker/7");
    assert_eq!(inside, [PathBuf::from("/sys/fs/cgroup/")]);
    assert_eq!(cgroup::directories(&mount("/docker/7"), "/elsewhere").len(), 1);
    let limits = ["max\n", "9223372036854771712\n", "268435456\n", ""].map(cgroup::parse);
    assert_eq!(limits, [None, None, Some(256 * MIB), None]);
}

#[test]
fn a_mount_is_read_with_and_without_optional_fields_and_with_spaces_in_its_name() {
    let line = br"36 35 98:0 /a /mnt/b\040c rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue";
    let mount = mounts::parse(line).unwrap();
    assert_eq!((mount.id, mount.kind.as_str(), mount.options.as_str()), (36, "ext3", "rw,errors=continue"));
    assert_eq!((mount.root, mount.point), (PathBuf::from("/a"), PathBuf::from("/mnt/b c")));
    assert_eq!(mounts::parse(b"1 2 0:3 / / rw - tmpfs none rw").unwrap().kind, "tmpfs");
    for line in [&b""[..], b"36 35", b"x 35 98:0 / / rw - ext3 a b", b"36 35 98:0 / / rw master:1"] {
        assert_eq!(mounts::parse(line), None);
    }
    let root = mounts::of(&std::fs::File::open("/proc").unwrap()).unwrap();
    assert_eq!((root.kind.as_str(), root.point), ("proc", PathBuf::from("/proc")));
}

#[test]
fn bbr_is_pointed_at_where_it_is_there_and_not_in_use() {
    let verdicts = [
        congestion::judge(Some("cubic"), "reno cubic bbr\n"),
        congestion::judge(Some("bbr"), "reno cubic bbr\n"),
        congestion::judge(Some("cubic"), ""),
        congestion::judge(None, "cubic"),
    ];
    assert_eq!(verdicts[1].found, "bbr (also there: reno, cubic)");
    assert_states(verdicts, [State::Note, State::Good, State::Good, State::Note]);
}

#[test]
fn a_module_that_is_not_loaded_is_told_from_a_connection_that_failed() {
    let absent = ktls::judge(Err(errno(Errno::NOENT).into()));
    assert!(absent.found.contains("not loaded") && absent.found.contains("takes rights"));
    let untried = ktls::judge(Err(io::ErrorKind::TimedOut.into()));
    assert_states([ktls::judge(Ok(())), absent, untried], [State::Good, State::Note, State::Note]);
}

#[test]
fn whoever_may_load_a_module_by_trying_it_is_told_by_the_capabilities_of_the_process() {
    for (status, may) in [
        ("Name:\ta\nCapEff:\t0000000000001000\n", true),
        ("CapEff:\t000001ffffffffff\n", true),
        ("CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffefff\n", false),
        ("CapEff:\t0000000000000000\n", false),
        ("CapEff:\tnone\n", true),
        ("", true),
    ] {
        assert_eq!(ktls::may_load(status), may, "{status:?}");
    }
}

#[test]
fn a_processor_without_instructions_for_hashing_is_noted() {
    let sha = [Some(true), Some(false), None].map(processor::judge_sha);
    assert!(sha[1].advice.as_ref().unwrap().contains("--digest blake3"));
    assert_states(sha, [State::Good, State::Note, State::Note]);
    let avx = [16, 8, 1].map(processor::judge_avx512);
    assert_states(avx, [State::Good, State::Note, State::Note]);
}

#[test]
fn where_there_are_no_threads_one_core_is_measured_all_the_same() {
    let cores = std::num::NonZeroUsize::new(8).unwrap();
    let none = speed::judge(MIB, cores, Some(Err(io::ErrorKind::WouldBlock.into())));
    assert!(none.found.starts_with("1.00 MiB/s on one core; not measured on all 8"), "{none:?}");
    assert!(none.advice.as_ref().unwrap().contains("ulimit -u"));
    let all = speed::judge(MIB, cores, Some(Ok(8 * MIB)));
    assert_eq!(all.found, "1.00 MiB/s on one core, 8.00 MiB/s on all 8");
    let one = speed::judge(MIB, std::num::NonZeroUsize::MIN, None);
    assert_states([none, all, one], [State::Note, State::Good, State::Good]);
}

#[test]
fn what_needs_action_fails_the_command_and_what_is_noted_does_not() {
    let manner = <crate::flags::Flags as clap::Parser>::parse_from(["aqueduct", "doctor", "--quiet"]).manner;
    let voice = Voice::new(&manner);
    let probe = &PROBES[0];
    let noted = [(probe, Verdict::good("a")), (probe, Verdict::note("b", "b"))];
    assert!(conclude(&noted, &voice).is_ok());
    let fault = conclude(&[(probe, Verdict::action("c", "d"))], &voice).unwrap_err();
    assert_eq!(fault.to_string(), "action is needed on 1 finding");
    assert_eq!(crate::exit::code(&fault).number(), 1);
}
