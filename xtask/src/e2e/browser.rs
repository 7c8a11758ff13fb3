//! A browser, as the W3C's WebDriver lets programs have one: chromedriver is told by curl what to do.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::process;

/// A window of Chromium without a screen, closed when it is dropped.
pub(super) struct Browser {
    driver: Child,
    /// Kept open: whoever writes to a pipe that nobody has is killed.
    said: Lines<BufReader<ChildStdout>>,
    /// Of the session: `http://127.0.0.1:PORT/session/ID`.
    url: String,
}

impl Browser {
    /// `profile` is where it may write; it has no profile of anybody's.
    pub(super) fn open(profile: &Path) -> Result<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver")?;
        let said =
            BufReader::new(driver.stdout.take().context("chromedriver has no standard output")?).lines();
        let mut browser = Self { driver, said, url: String::new() };
        let port = (browser.said.by_ref())
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
            })
            .context("chromedriver names no port")?;
        let arguments = [
            "--headless=new".to_owned(),
            // What it shows is ours, and root has no sandbox.
            "--no-sandbox".to_owned(),
            // They would be in every picture.
            "--hide-scrollbars".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "timeouts": { "script": SCRIPT_MS_MAX },
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let session = call("POST", &format!("http://127.0.0.1:{port}/session"), Some(&wanted))?;
        let id = session["sessionId"].as_str().context("chromedriver gives no session")?;
        browser.url = format!("http://127.0.0.1:{port}/session/{id}");
        Ok(browser)
    }

    /// Shows what is at an address in a window of this size, and waits until it is loaded.
    pub(super) fn show(&self, address: &str, width: u32, height: u32) -> Result<()> {
        self.resize(width, height)?;
        self.post("url", &json!({ "url": address })).map(drop)
    }

    /// Makes the window another size; a narrow one is a telephone's.
    pub(super) fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).map(drop)
    }

    /// Which colours whoever looks at it has asked for.
    pub(super) fn prefer(&self, scheme: &str) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] })).map(drop)
    }

    /// What a script returns.
    pub(super) fn ask(&self, script: &str) -> Result<Value> {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Asks again and again until a script returns something that is true, and gives that.
    pub(super) fn wait_for(&self, what: &str, script: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[0]; \
             const look = () => {{ const found = (() => {{ {script} }})(); found ? done(found) : setTimeout(look, 50); }}; \
             look();"
        );
        self.post("execute/async", &json!({ "script": script, "args": [] }))
            .with_context(|| format!("this did not happen: {what}"))
    }

    /// Types into the element that a selector finds; into an input for files, their paths, a line each.
    pub(super) fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        self.post(&format!("element/{}/value", self.find(selector)?), &json!({ "text": text })).map(drop)
    }

    /// Clicks the element that a selector finds.
    pub(super) fn click(&self, selector: &str) -> Result<()> {
        self.post(&format!("element/{}/click", self.find(selector)?), &json!({})).map(drop)
    }

    /// Slows down what it sends to so many bytes a second; `None` is as fast as it goes.
    pub(super) fn throttle(&self, rate: Option<u64>) -> Result<()> {
        let conditions = json!({
            "offline": false,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": rate.map_or(json!(-1), |rate| json!(rate)),
        });
        self.devtools("Network.enable", &json!({}))?;
        self.devtools("Network.emulateNetworkConditions", &conditions).map(drop)
    }

    /// Lets it write what is downloaded into a directory.
    pub(super) fn download_into(&self, directory: &Path) -> Result<()> {
        let wanted = json!({ "behavior": "allow", "downloadPath": directory });
        self.devtools("Browser.setDownloadBehavior", &wanted).map(drop)
    }

    /// Writes what the window shows into a file, as PNG.
    pub(super) fn picture(&self, path: &Path) -> Result<()> {
        let taken = call("GET", &format!("{}/screenshot", self.url), None)?;
        let text = taken.as_str().context("there is no picture")?;
        let mut base64 = Command::new("base64")
            .arg("--decode")
            .stdin(Stdio::piped())
            .stdout(File::create(path)?)
            .spawn()
            .context("base64")?;
        base64.stdin.take().context("it was piped")?.write_all(text.as_bytes())?;
        let status = base64.wait()?;
        ensure!(status.success(), "base64: {status}");
        Ok(())
    }

    fn find(&self, selector: &str) -> Result<String> {
        let found = self.post("element", &json!({ "using": "css selector", "value": selector }))?;
        let id = found.as_object().and_then(|found| found.values().next()?.as_str());
        id.map(str::to_owned).with_context(|| format!("{selector} is {found}"))
    }

    /// Presses a key, by the character that WebDriver has for it, and lets it go.
    pub(super) fn press(&self, key: char) -> Result<()> {
        let actions = ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }));
        self.post("actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }))
            .map(drop)
    }

    /// What was written to the console since it was asked last.
    pub(super) fn console(&self) -> Result<Vec<Value>> {
        self.log("browser")
    }

    /// The addresses that a page, and nothing else that the browser shows, asked for since it was asked last.
    pub(super) fn requests(&self, page: &str) -> Result<Vec<String>> {
        let mut addresses = Vec::new();
        for entry in self.log("performance")? {
            let message: Value =
                serde_json::from_str(entry["message"].as_str().context("an entry says nothing")?)?;
            let event = &message["message"];
            if event["method"] == "Network.requestWillBeSent" && event["params"]["documentURL"] == page {
                let address =
                    event["params"]["request"]["url"].as_str().context("a request has no address")?;
                addresses.push(address.to_owned());
            }
        }
        Ok(addresses)
    }

    fn log(&self, kind: &str) -> Result<Vec<Value>> {
        let entries = self.post("se/log", &json!({ "type": kind }))?;
        entries.as_array().cloned().context("a log has entries")
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        call("POST", &format!("{}/{path}", self.url), Some(body)).with_context(|| path.to_owned())
    }
}

/// The `value` of an answer.
fn call(method: &str, url: &str, body: Option<&Value>) -> Result<Value> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "120", "--request", method]);
    if let Some(body) = body {
        curl.args(["--header", "Content-Type: application/json", "--data"]).arg(body.to_string());
    }
    let said = process::run(curl.arg(url))?;
    let answer: Value = serde_json::from_str(&said.stdout).with_context(|| said.stdout.clone())?;
    let value = answer["value"].clone();
    ensure!(value.get("error").is_none(), "{}: {}", value["error"], value["message"]);
    Ok(value)
}

/// Far longer than anything takes that a page waits for, and shorter than curl is patient.
const SCRIPT_MS_MAX: u32 = 110_000;

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.url.is_empty() {
            // It takes Chromium with it.
            let _ = call("DELETE", &self.url, None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
