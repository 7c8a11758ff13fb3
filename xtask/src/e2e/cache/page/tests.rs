#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::door::Key;
use super::Page;

const TEXT: &str = "\
# A page

```sh
aqueduct serve --listen 0.0.0.0:7070 --store cache --sync none --max-size 1GiB
```

### One

```sh
export URL=http://cache.example:7070/main
export THE_TOKEN=TOKEN
```

```json
{}
```

### Two

```sh
a
```

```sh
b
```
";

#[test]
fn a_snippet_is_found_by_its_heading_and_filled_in() {
    let page = Page { text: TEXT.to_owned() };
    let key = Key { host: "127.0.0.1:1".to_owned(), token: "abc" };
    assert_eq!(
        page.snippet("One", "sh").unwrap().filled(&key),
        "export URL=http://127.0.0.1:1/main\nexport THE_TOKEN=abc\n"
    );
    assert_eq!(page.snippet("One", "json").unwrap().and("x").filled(&key), "{}x\n");
}

#[test]
fn a_snippet_that_is_not_there_or_not_alone_is_an_error() {
    let page = Page { text: TEXT.to_owned() };
    assert!(page.snippet("One", "yaml").is_err());
    assert!(page.snippet("Two", "sh").is_err());
    assert!(page.snippet("Three", "sh").is_err());
}

#[test]
fn the_server_is_started_with_what_is_not_of_one_machine() {
    let page = Page { text: TEXT.to_owned() };
    assert_eq!(page.server_flags().unwrap(), ["--sync", "none", "--max-size", "1GiB"]);
}
