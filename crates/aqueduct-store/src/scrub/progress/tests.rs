use super::ScrubPass;

fn pass() -> ScrubPass {
    let last = format!("blake3:{}", "5e".repeat(32)).parse().unwrap();
    ScrubPass {
        began: -1,
        ended: None,
        last: Some(last),
        count: 2,
        size: u64::MAX,
        damaged: 3,
        failed: 4,
        rebuilt: 5,
    }
}

#[test]
fn a_pass_reads_as_it_was_written() {
    for pass in [pass(), ScrubPass { ended: Some(7), last: None, ..pass() }, ScrubPass::begin(9)] {
        assert_eq!(ScrubPass::read(&pass.write()), Some(pass));
    }
}

#[test]
fn what_does_not_read_as_a_pass_is_none() {
    for text in ["began", "began x\n", "last sha256:00\n", "another 1\n"] {
        assert_eq!(ScrubPass::read(text), None, "{text:?}");
    }
}
