//! Whether a page can be read by those who see little, and operated by those who have no mouse.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::browser::Browser;

/// Insists that what stands out too little from what is behind it, as WCAG 2.2 counts it (1.4.3, and 1.4.11 for what is not
/// text), is nothing: in light and in dark. Of each kind there are a selector, the property that has its color, and the
/// least contrast.
pub(super) fn contrasts(browser: &Browser, kinds: &[(&str, &str, f64)]) -> Result<()> {
    let script = PALE.replace("KINDS", &json!(kinds).to_string());
    for scheme in ["light", "dark"] {
        browser.prefer(scheme)?;
        nothing(&browser.ask(&script)?, &format!("in {scheme} colours, hard to read:"))?;
    }
    Ok(())
}

/// Goes through the page by Tab, and opens what can be opened by Enter. `operable` selects what has to be reached. Says how
/// much that is.
pub(super) fn by_keyboard(browser: &Browser, operable: &str) -> Result<u64> {
    let script = OPERABLE.replace("SELECTOR", &json!(operable).to_string());
    let wanted = browser.ask(&script)?.as_u64().context("no count of things to operate")?;
    ensure!(wanted >= 2, "{wanted} things to operate");
    for stop in 0..wanted {
        browser.press(TAB)?;
        let focused = browser.ask(FOCUSED)?;
        ensure!(focused["place"] == stop, "after {stop} others Tab is at {focused}");
        ensure!(focused["is_shown"] == true, "nothing shows that {focused} has the focus");
        if focused["name"] == "SUMMARY" {
            browser.press(ENTER)?;
            ensure!(browser.ask(FOCUSED)?["is_open"] == true, "Enter does not open {focused}");
            browser.press(ENTER)?;
        }
    }
    Ok(wanted)
}

/// Insists that a list is empty.
pub(super) fn nothing(found: &Value, what: &str) -> Result<()> {
    let found = found.as_array().context("a list")?;
    ensure!(found.is_empty(), "{what} {found:?}");
    Ok(())
}

const PALE: &str = r#"
const part = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const light = color => {
    const [r, g, b] = color.match(/[\d.]+/g).map(number => part(number / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
    for (let it = element; it; it = it.parentElement) {
        const color = getComputedStyle(it).backgroundColor;
        if (color !== "rgba(0, 0, 0, 0)") return light(color);
    }
    return 1;
};
const contrast = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
// What has just been given other colours may still be on its way to them.
document.getAnimations().forEach(animation => animation.finish());
const pale = new Set();
for (const [selector, property, least] of KINDS) {
    for (const element of document.querySelectorAll(selector)) {
        const color = getComputedStyle(element)[property];
        const around = property === "borderTopColor" ? element.parentElement : element;
        const found = contrast(light(color), behind(around));
        if (found < least) pale.add(selector + " " + color + ": " + found.toFixed(2));
    }
}
return [...pale];
"#;

/// How many things there are that a mouse could operate.
const OPERABLE: &str = r#"
window.operable = [...document.querySelectorAll(SELECTOR)].filter(element => element.checkVisibility());
// Tab goes on from where a mouse was last.
document.body.setAttribute("tabindex", "-1");
document.body.focus();
document.body.removeAttribute("tabindex");
window.scrollTo(0, 0);
return window.operable.length;
"#;

/// Where the keyboard is.
const FOCUSED: &str = r#"
const element = document.activeElement;
const style = getComputedStyle(element);
return {
    place: window.operable.indexOf(element),
    name: element.tagName,
    id: element.id,
    is_shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    is_open: element.parentElement !== null && element.parentElement.open === true,
};
"#;

/// As WebDriver writes keys: section 17.4.2 of the W3C's recommendation.
pub(super) const TAB: char = '\u{e004}';
pub(super) const ENTER: char = '\u{e007}';
