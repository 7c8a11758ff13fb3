use super::Answered;

const WRK: &str = "\
Running 4s test @ http://127.0.0.1:8080/x
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   600.00us  100.00us   5.00ms   90.00%
    Req/Sec   100.00k     1.00k  101.00k    75.00%
  400123 requests in 4.10s, 1.60GB read
Requests/sec:  97590.97
Transfer/sec:    400.00MB
";

#[test]
fn what_wrk_counted_is_read_and_its_errors_are_seen() {
    let answered = Answered { count: 400_123.0, seconds: 4.1, is_failed: false };
    assert_eq!(Answered::parse(WRK), Some(answered));
    for line in
        ["  Socket errors: connect 0, read 3, write 0, timeout 0\n", "  Non-2xx or 3xx responses: 7\n"]
    {
        let failed = Answered::parse(&format!("{WRK}{line}"));
        assert!(failed.is_some_and(|answered| answered.is_failed), "{line}");
    }
    assert_eq!(Answered::parse("unable to connect"), None);
}
