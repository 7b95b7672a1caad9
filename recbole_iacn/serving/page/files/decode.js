// From what the page contains, items by number and effects as half floats, to what POST /explain answers.

function bytes(text) {
  const raw = atob(text);
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

const floats = (text) => new Float32Array(bytes(text).buffer);

// IEEE 754's binary16, which not every browser has as an array.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const power = (bits >> 10) & 31;
  const rest = bits & 1023;
  return sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
}

// The margins after each single change: those of the history plus differences. Rows whose order half floats would
// change are there in full.
function rowsOf(packed, margins) {
  const bits = new Uint16Array(bytes(packed.halves).buffer);
  const width = margins.length;
  return Array.from({ length: width ? bits.length / width : 0 }, (_, row) => {
    if (packed.exact[row] !== undefined) return floats(packed.exact[row]);
    return margins.map((margin, at) => margin + half(bits[row * width + at]));
  });
}

function decoded(data, packed, model) {
  const of = (number) => itemOf(data, number);
  const margins = Array.from(floats(packed.edits.margins));
  const rows = (name) => rowsOf(packed.edits[name], margins);
  return {
    model: data.models[model].name,
    user: packed.user,
    older: packed.older,
    notes: packed.notes,
    clicks: packed.clicks.map(([item, time, interest], place) => ({ of: of(item), place, time, interest, couplings: packed.couplings[place] })),
    interests: packed.interests.map((one) => ({
      ...one,
      face: one.face === null ? null : of(one.face),
      nearest: one.nearest.map(([item, similarity]) => ({ of: of(item), similarity })),
    })),
    edits: {
      items: packed.edits.items.map(of),
      belongs: packed.edits.belongs,
      margins,
      without_click: rows("without_click"),
      without_interest: rows("without_interest"),
      addable: packed.edits.addable.map(of),
      with_click: rows("with_click"),
      probability: packed.edits.probability,
    },
  };
}

function itemOf(data, number) {
  const { tokens, names, pictures } = data.items;
  return { number, item: tokens[number], name: (names && names[number]) || tokens[number], picture: (pictures && pictures[number]) || null };
}
