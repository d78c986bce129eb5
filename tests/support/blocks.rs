//! What a reader sees in the bytes of a stream, block by block (WHATWG HTML 9.2.6), for streams that end each line
//! in LF.

/// One block of an event stream. A field that is missing is not the same as an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) retry: Option<u64>,
}

/// Reads whole blocks, or comment lines, which are none. Panics at anything that the crate would not write.
pub(crate) fn blocks(bytes: &[u8]) -> Vec<Block> {
    let text = std::str::from_utf8(bytes).unwrap();
    if text.ends_with('\n') && text.lines().all(|line| line == ":") {
        return vec![];
    }
    assert!(text.is_empty() || text.ends_with("\n\n"), "not whole blocks: {text:?}");
    text.split_terminator("\n\n").map(block).collect()
}

fn block(text: &str) -> Block {
    let mut block = Block::default();
    for line in text.split('\n').filter(|line| !line.starts_with(':')) {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
        match name {
            "id" => assert_eq!(block.id.replace(value.to_owned()), None),
            "event" => assert_eq!(block.event.replace(value.to_owned()), None),
            "retry" => assert_eq!(block.retry.replace(value.parse().unwrap()), None),
            "data" => match &mut block.data {
                Some(data) => data.extend(["\n", value]),
                None => block.data = Some(value.to_owned()),
            },
            _ => panic!("no field: {line:?}"),
        }
    }
    block
}
