/// Splits the value of a header at a separator, but not within quotation marks (RFC 9110, 5.6).
pub(crate) fn split_unquoted(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    list.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        *byte == separator && !quoted
    })
}
