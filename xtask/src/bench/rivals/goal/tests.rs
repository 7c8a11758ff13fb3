use super::super::rows;
use super::super::table::{Series, Table};
use super::{GOALS, markdown};

fn table(key: &str, ours: f64, name: &str, theirs: f64) -> Table {
    let series = |name: &str, cpu: f64| Series::new(name, vec![vec![1.0, cpu]]);
    let series = vec![series("aqueduct", ours), series(name, theirs)];
    Table { key: key.to_owned(), asked: String::new(), series }
}

#[test]
fn a_goal_is_met_missed_or_not_measured() {
    let text = markdown(&[table("get-1g/1", 1.0, "bare loop", 1.0), table("get-4k/64", 1.0, "nginx", 1.1)]);
    let line = |words: &str| text.lines().find(|line| line.contains(words)).unwrap_or_default().to_owned();
    assert!(line("CPU, of bare loop's").ends_with("| at most 1.05 | 1.00 (1.00-1.00) | yes |"), "{text}");
    assert!(line("at most 0.75").ends_with("| 0.91 (0.91-0.91) | **no** |"), "{text}");
    assert!(line("GET 1 GiB hot, 1 connection | CPU, of nginx's").ends_with("| not measured |  |"), "{text}");
    assert!(!text.contains("ranges"), "{text}");
}

#[test]
fn every_goal_belongs_to_a_row() {
    for goal in GOALS {
        let row = goal.key.split('/').next().unwrap_or_default();
        assert!(rows::ALL.iter().any(|it| it.name == row), "{}", goal.key);
    }
}
