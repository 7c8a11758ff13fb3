use super::*;

fn ticket() -> Ticket {
    Ticket {
        hosts: vec![
            Host::Address("192.0.2.1".parse().unwrap()),
            Host::Address("2001:db8::1".parse().unwrap()),
            Host::Name("build-7.example".to_owned()),
        ],
        port: 7300,
        secret: Secret::new(*b"0123456789abcdef"),
    }
}

#[test]
fn a_ticket_is_read_as_it_was_printed() {
    let text = ticket().to_string();
    assert_eq!(text.parse(), Ok(ticket()));
    assert_eq!(format!("  {}\n", text.to_uppercase()).parse(), Ok(ticket()));
}

#[test]
fn a_ticket_is_one_word_to_every_shell() {
    let text = ticket().to_string();
    assert!(
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
        "{text}"
    );
}

#[test]
fn one_letter_that_is_wrong_missing_or_too_many_is_noticed() {
    let text = ticket().to_string();
    for at in PREFIX.len()..text.len() {
        let mut other = text.clone().into_bytes();
        other[at] = if other[at] == b'a' { b'b' } else { b'a' };
        assert_eq!(String::from_utf8(other).unwrap().parse::<Ticket>(), Err(TicketError::Damaged), "at {at}");
        assert_eq!(text[..at].parse::<Ticket>(), Err(TicketError::Damaged), "of {at}");
    }
    assert_eq!(format!("{text}a").parse::<Ticket>(), Err(TicketError::Damaged));
    assert_eq!("10.0.0.1:7300".parse::<Ticket>(), Err(TicketError::NotATicket));
    assert_eq!("".parse::<Ticket>(), Err(TicketError::NotATicket));
    assert_eq!("aq1\u{e9}-".parse::<Ticket>(), Err(TicketError::NotATicket));
}

#[test]
fn a_name_that_is_no_host_name_makes_no_ticket() {
    for name in ["", "a b", "a\nb", "a/b", "$(reboot)"] {
        let ticket = Ticket { hosts: vec![Host::Name(name.to_owned())], ..ticket() };
        assert_eq!(ticket.to_string().parse::<Ticket>(), Err(TicketError::Damaged), "{name:?}");
    }
}

#[test]
fn the_letters_are_those_of_rfc_4648() {
    // Section 10, in lower case and without padding.
    for (bytes, text) in
        [("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb")]
    {
        assert_eq!(base32(bytes.as_bytes()), text);
        assert_eq!(from_base32(text), Some(bytes.as_bytes().to_vec()));
    }
    assert_eq!(from_base32("mz"), None, "bits that are left over are zero");
}
