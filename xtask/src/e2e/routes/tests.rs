use serde_json::json;

use super::{is_carried_by, parse_taken};

#[test]
fn a_second_route_is_not_overlooked() {
    assert!(is_carried_by(&json!({"reflink": 7}), "reflink"));
    assert!(is_carried_by(&json!({"reflink": 7, "holes": 1}), "reflink"));
    for other in [json!({}), json!({"holes": 1}), json!({"reflink": 7, "copy": 1}), json!(null)] {
        assert!(!is_carried_by(&other, "reflink"), "{other}");
    }
}

#[test]
fn what_is_not_free_is_taken() {
    assert_eq!(parse_taken("100 60 4096\n"), Some(40 * 4096));
    for other in ["", "100 60", "1 2 4096", "a b c"] {
        assert_eq!(parse_taken(other), None, "{other}");
    }
}
