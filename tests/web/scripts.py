"""What tests run in a page."""

# Drops a file: its name and its bytes in base64.
DROP = """
([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  }
}
"""

# Answers to what is sent as JSON come two seconds late: what is told of the job itself is there before.
LATE = """{
  const plain = fetch;
  const later = (answer) => new Promise((done) => setTimeout(() => done(answer), 2000));
  window.fetch = (place, options) => plain(place, options).then(typeof options?.body === "string" ? later : undefined);
}"""
