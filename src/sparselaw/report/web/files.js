// Files that the page gives to the reader.

/** The contents of a data: address. */
function blobOf(address) {
  const comma = address.indexOf(","), head = address.slice(0, comma), body = address.slice(comma + 1);
  const content = head.endsWith(";base64") ? Uint8Array.from(atob(body), (c) => c.charCodeAt(0)) : decodeURIComponent(body);
  return new Blob([content], { type: /^data:([^;,]*)/.exec(head)[1] });
}

function download(name, blob) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
