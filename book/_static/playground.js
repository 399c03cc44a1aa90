/* The playground: controls, pictures and the address around the mathematics of teacher_student.js.

Every <div class="playground"> becomes one; data-small is the strip of the landing page. The text of
presets is that of the page's sections, whose anchors are their names. */
(() => {
"use strict";
const M = teacherStudent();
const range = (from, to, by = 1) => Array.from({ length: Math.floor((to - from) / by + 1e-9) + 1 }, (_, i) => from + i * by);

// --- settings: what an experiment is, in the controls and in the address ---

const SETTINGS = {
	nodes: { label: "teacher nodes m", values: range(1, 10), value: 5 },
	over: { label: "students per teacher n/m", values: [0.5, 0.75, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100], value: 4 },
	polarity: { label: "polarity p", values: range(0, 3, 0.25), value: 0.5 },
	slope: { label: "leaky slope a", values: [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9], value: 0 },
	outputs: { label: "outputs C", values: [1, 2, 3, 5, 10, 20], value: 10 },
	rate: { label: "learning rate η", values: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5], value: 0.05, live: true },
	batch: { label: "batch size", values: [1, 2, 4, 8, 16, 32, 64, 128, 256], value: 16, live: true },
	samples: { label: "samples", values: [6, 9, 12, 18, 24, 30, 60, 120, 240, 500, 1000, 2000, 4000, 10000], value: 4000, live: true },
	kind: { label: "kind of samples", names: { random: "random", aware: "teacher-aware", line: "on one line", drawn: "drawn by hand" }, value: "random", live: true },
	start: { label: "start", names: { random: "random", away: "looking away", mirrored: "mirror images" }, value: "random" },
	seed: { label: "seed", values: range(0, 9999), value: 1, typed: true },
};
const DEFAULTS = Object.fromEntries(Object.entries(SETTINGS).map(([name, one]) => [name, one.value]));

const PRESETS = {
	"strong-first": { polarity: 1 },
	"unobserved": { nodes: 3, polarity: 0, start: "away" },
	"catalyst": { polarity: 1, over: 10 },
	"few-samples": { polarity: 0, samples: 12, batch: 8 },
	"anti-parallel": { nodes: 4, over: 2, polarity: 0, start: "mirrored", rate: 0.02 },
	"leaky": { nodes: 3, over: 10, polarity: 1, start: "away", slope: 0.2, rate: 0.2 },
	"pruning": { nodes: 4, polarity: 0, rate: 0.1 },
	"merging": { nodes: 3, over: 10, polarity: 0, rate: 0.1 },
	"too-few-nodes": { nodes: 4, over: 0.75, polarity: 0 },
	"data-on-a-line": { polarity: 0, kind: "line" },
};
const SIZES = ["nodes", "over", "outputs"]; // those that given weights have, whatever the lists say
const ACTIONS = { // a preset's own button: what it says, and what it changes
	"catalyst": ["now with one student per teacher node", { over: 1 }],
	"few-samples": ["now with 4,000 samples", { samples: 4000 }],
	"leaky": ["now without a slope", { slope: 0 }],
	"unobserved": ["now with leaky slopes", { slope: 0.2 }],
	"pruning": ["remove the prunable students", "prune"],
	"merging": ["fuse the students on one line", "fuse"],
	"too-few-nodes": ["now with four per teacher node", { over: 4 }],
};

/* Ticks, below 4096, in three hexadecimal digits each. */
const pack = (ticks) => ticks.map((t) => t.toString(16).padStart(3, "0")).join("");
const unpack = (text) => (text.match(/.../g) || []).map((t) => parseInt(t, 16));

/* The address of an experiment: what differs from the defaults; a preset as it is, by its name. */
function write(of) {
	const differs = (other) => Object.keys(DEFAULTS).filter((name) => of[name] !== other[name]);
	const preset = Object.keys(PRESETS).find((name) => !differs({ ...DEFAULTS, ...PRESETS[name] }).length);
	if (preset && !of.lines && !of.weights) return `#${preset}`;
	const words = differs(DEFAULTS).filter((name) => !of.weights || !SIZES.includes(name)).map((name) => `${name}=${of[name]}`);
	if (of.weights) words.push(`weights=${of.weights}`);
	if (of.lines) words.push(`lines=${pack(of.lines.flat())}`);
	if (of.kind === "drawn") words.push(`points=${pack(of.points)}`);
	return `#${words.join("&") || "seed=" + of.seed}`;
}

/* An experiment from an address, with a sentence for everything in it that cannot be. */
function read(hash) {
	const of = { ...DEFAULTS, points: [] }, wrong = [];
	let text = "";
	try {
		text = decodeURIComponent(hash.slice(1));
	} catch {
		wrong.push("it cannot be read");
	}
	if (PRESETS[text]) return { of: Object.assign(of, PRESETS[text]), wrong, preset: text };
	for (const word of text.includes("=") ? text.split("&") : []) {
		const cut = word.indexOf("="), name = word.slice(0, cut), value = word.slice(cut + 1), one = SETTINGS[name];
		if (name === "lines" || name === "points") {
			if (/^([\da-f]{6})*$/.test(value)) of[name] = unpack(value);
			else wrong.push(`${name} cannot be read; they are left out`);
		} else if (name === "weights") {
			try {
				const [{ n, c }, student] = M.given(value, 0);
				Object.assign(of, { weights: value, nodes: n, over: student.n / n, outputs: c });
			} catch {
				wrong.push("weights cannot be read; they are left out");
			}
		} else if (!one) wrong.push(`there is no setting ${name || word}`);
		else {
			of[name] = near(one, value);
			if (String(of[name]) !== value && Number(value) !== of[name])
				wrong.push(`${name} cannot be ${value}: it is ${allowed(one)}; ${of[name]} is taken`);
		}
	}
	const { lines, nodes } = of;
	if (lines?.length === 2 * nodes) of.lines = range(0, nodes - 1).map((j) => lines.slice(2 * j, 2 * j + 2));
	else if (lines) {
		wrong.push(`lines are of ${lines.length / 2} teacher nodes, nodes is ${nodes}; they are left out`);
		delete of.lines;
	}
	return { of, wrong };
}
const allowed = ({ names, values, typed }) =>
	typed ? `a whole number from ${values[0]} to ${values.at(-1)}` : `one of ${(names ? Object.keys(names) : values).join(", ")}`;
function near({ names, values, value }, text) { // the allowed value nearest to what is written
	if (names) return names[text] ? text : value;
	if (text === "" || Number.isNaN(Number(text))) return value;
	return values.reduce((best, v) => (Math.abs(v - text) < Math.abs(best - text) ? v : best));
}

// --- the experiment, in a worker of its own ---

/* How to ask it: call(name of a function of the experiment, ...arguments); call("start", settings) makes a new one. */
function connect() {
	const body = `const { experiment } = (${teacherStudent})();
		let running;
		onmessage = ({ data: [ask, ...words] }) =>
			postMessage(ask === "start" ? void (running = experiment(...words)) : running[ask](...words));`;
	const worker = new Worker(URL.createObjectURL(new Blob([body], { type: "text/javascript" })));
	const waiting = []; // answers come in the order of the questions
	worker.onmessage = ({ data }) => waiting.shift()(data);
	return (...question) =>
		new Promise((resolve) => {
			waiting.push(resolve);
			worker.postMessage(question);
		});
}

// --- the lines of ts_core that repeat a run ---

function python({ of, teacher, student, first, steps, x, key }) {
	const row = (values) => `[${values.join(", ")}]`;
	const rows = (values, by) => `[\n${range(0, values.length - 1, by).map((i) => `    ${row(values.slice(i, i + by))},\n`).join("")}]`;
	const network = (net) => `network(${rows(net.rows, 3)}, ${rows(net.fan, net.c)}, ${row(net.bias)})`;
	const samples = of.kind === "random"
		? `${M.REACH} * (2 * ((words(${M.keyOf(of.seed, "samples")}, np.arange(${x.length})) + 0.5) / 2**32) - 1)`
		: `np.array(${rows(x, 2)})`;
	return `import numpy as np
import torch

from companion.experiments.numbered import numbered, words
from ts_core.activations import LeakyReLU
from ts_core.networks import Network, two_layer
from ts_core.training.sgd import train

network = lambda *parts: Network(two_layer(*map(torch.tensor, parts)).weights, LeakyReLU(${of.slope}))

torch.set_default_dtype(torch.float64)
teacher = ${network(teacher)}
start = ${network(student)}  # after step ${first}
x = ${samples}
x = torch.from_numpy(x.reshape(1, -1, 2))
ends = []
train(
    teacher,
    [start],
    numbered(x, key=${key}, size=${of.batch}, first=${first}),
    learning_rate=${of.rate},
    snapshots=[${steps - first}],
    on_snapshot=lambda step, students: ends.extend(students),
)
(student,) = ends  # after step ${steps}
`;
}

// --- pictures ---

const MAKO = [[11, 4, 5], [62, 53, 107], [53, 123, 163], [75, 194, 173], [222, 245, 229]];
function shade(value) { // from 0 to 1
	const at = Math.max(0, Math.min(1, value)) * (MAKO.length - 1), low = Math.min(MAKO.length - 2, Math.floor(at));
	return MAKO[low].map((v, c) => v + (at - low) * (MAKO[low + 1][c] - v));
}
const TAU = 2 * Math.PI, GRID = "#8883", GHOST = "#888a";

/* The canvas, as large as it is shown. */
function fit(canvas) {
	const { clientWidth: w, clientHeight: h } = canvas, ratio = Math.min(3, devicePixelRatio || 1), g = canvas.getContext("2d");
	Object.assign(canvas, { width: w * ratio, height: h * ratio });
	g.scale(ratio, ratio);
	return { g, w, h };
}

function path(g, points, style, width, dash = []) {
	Object.assign(g, { strokeStyle: style, lineWidth: width });
	g.setLineDash(dash);
	g.beginPath();
	for (const point of points) g.lineTo(...point);
	g.stroke();
	g.setLineDash([]);
}

function disc(g, x, y, radius, fill, ring, width = 1.4) {
	g.beginPath();
	g.arc(x, y, radius, 0, TAU);
	Object.assign(g, { fillStyle: fill || "#0000", strokeStyle: ring || "#0000", lineWidth: width });
	g.fill();
	g.stroke();
}

function label(g, text, x, y, style, align = "center", baseline = "middle", font = "11.5px") {
	Object.assign(g, { fillStyle: style, textAlign: align, textBaseline: baseline, font: `${font} system-ui, sans-serif` });
	g.fillText(text, x, y);
}

function badge(g, number, x, y, ...look) {
	disc(g, x, y, ...look);
	label(g, number, x, y + 0.5, "#fff", "center", "middle", "600 11px");
}

/* The two points where the line of a row leaves the square, in inputs; null outside of it. */
function ends([w0, w1, b]) {
	const found = [], inside = (v) => Math.abs(v) < M.REACH;
	for (const side of [-M.REACH, M.REACH]) {
		const [x, y] = [-(w1 * side + b) / w0, -(w0 * side + b) / w1];
		if (inside(x)) found.push([x, side]);
		if (inside(y)) found.push([side, y]);
	}
	return found.length === 2 ? found.sort((p, q) => w1 * (q[0] - p[0]) - w0 * (q[1] - p[1])) : null;
}

const field = document.createElement("canvas");
function paintPlane(canvas, frame, look) {
	const { g, w, h } = fit(canvas), { side, error, scale } = frame, R = M.REACH;
	const at = ([x, y]) => [(x / R + 1) * (w / 2), (1 - y / R) * (h / 2)];
	field.width = field.height = side;
	const pixels = new ImageData(side, side);
	error.forEach((length, i) => {
		const seen = shade(0.75 * (1 + Math.log10(length / scale + 1e-9) / 3)); // three decades
		pixels.data.set([...seen, 255], 4 * ((side - 1 - Math.floor(i / side)) * side + (i % side)));
	});
	field.getContext("2d").putImageData(pixels, 0, 0);
	g.drawImage(field, 0, 0, w, h);
	const strongest = Math.max(...frame.teachers.map((t) => t.strength));
	const line = (row, ...look) => path(g, (ends(row) || []).map(at), ...look);
	const thick = (node) => 0.5 + 4 * Math.min(1.5, node.strength / strongest) * Math.min(1, w / 420);
	const halfPlane = ([w0, w1, b], style) => { // where a node is active
		const norm2 = w0 * w0 + w1 * w1, [x, y] = at([(-b * w0) / norm2, (-b * w1) / norm2]);
		const edge = g.createLinearGradient(x, y, x + w0, y - w1);
		edge.addColorStop(0, "#0000");
		edge.addColorStop(1, style);
		g.fillStyle = edge;
		g.fillRect(0, 0, w, h);
	};
	for (let i = 0; !look.small && i < frame.points.length; i += 2)
		disc(g, ...at(frame.points.subarray(i, i + 2)), frame.points.length > 200 ? 1 : 2.5, "#fffc");
	const chosen = look.node && frame[look.node.of][look.node.k];
	if (chosen) halfPlane(chosen.row, "#ffb43c33");
	const dense = Math.max(0.25, Math.min(0.95, 60 / frame.students.length));
	for (const s of frame.students) line(s.row, `rgba(255,255,255,${dense})`, thick(s));
	frame.teachers.forEach((t) => line(t.row, "#ff6f83", Math.max(1.4, thick(t) * 0.8), [7, 5]));
	if (chosen) line(chosen.row, "#ffb43d", thick(chosen) + 1.5, look.node.of === "teachers" ? [7, 5] : []);
	frame.badges.forEach((end, j) => {
		if (!end || look.small) return;
		const [x, y] = at(end).map((v) => Math.max(11, Math.min(w - 11, v)));
		badge(g, j + 1, x, y, 9, frame.teachers[j].found === undefined ? "#1b1324" : "#d1495b", "#ff6f83");
	});
	if (look.pen) disc(g, ...at(look.pen), 6, null, "#fff");
}

/* Axes {from, to, log, ticks, label} of a plot; returns where values lie. */
function axes({ g, w, h }, ink, x, y) {
	const [left, right, top, bottom] = [38, w - 8, 8, h - 30];
	const along = (a, from, to) => (v) => {
		const [p, q, r] = a.log ? [v, a.from, a.to].map(Math.log10) : [v, a.from, a.to];
		return from + ((p - q) / (r - q)) * (to - from);
	};
	const X = along(x, left, right), Y = along(y, bottom, top);
	for (const [v, text] of x.ticks) {
		path(g, [[X(v), top], [X(v), bottom]], GRID, 1);
		label(g, text, Math.min(X(v), right - 4), bottom + 3, ink.text, "center", "top");
	}
	for (const [v, text] of y.ticks) {
		path(g, [[left, Y(v)], [right, Y(v)]], GRID, 1);
		label(g, text, left - 4, Y(v), ink.text, "right");
	}
	label(g, x.label, (left + right) / 2, bottom + 16, ink.text, "center", "top");
	return { X, Y, top, bottom };
}
const SUPER = (e) => "10" + String(e).replace(/./g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] || "⁻");

function paintShape(canvas, frame, look, ink) {
	const space = fit(canvas), { g } = space;
	const most = Math.max(1, ...frame.teachers.map((t) => t.fanOut), ...frame.students.map((s) => s.fanOut));
	const to = Math.ceil(most * 2.1) / 2, by = to > 4 ? Math.ceil(to / 4) : to > 2 ? 1 : 0.5;
	const P = axes(space, ink,
		{ from: 0, to, ticks: range(0, to, by).map((v) => [v, String(v)]), label: "fan-out norm ‖v‖" },
		{ from: 0, to: 1.03, ticks: [[0, "0"], [0.5, ".5"], [1, "1"]] });
	const dots = frame.students.map((s, k) => [P.X(s.fanOut), P.Y(Math.max(0, s.best)), k]);
	const radius = frame.students.length > 200 ? 2 : 3.6;
	for (const [x, y, k] of dots) disc(g, x, y, radius, frame.students[k].best > 0.95 && ink.student, ink.student);
	const { of, k: chosen } = look.node || {}, mine = (k) => (of === "students" ? k : frame.students[k].partner) === chosen;
	for (const [x, y, k] of dots) if (mine(k)) disc(g, x, y, radius + 2.5, null, ink.accent, 2);
	return dots;
}

function paintLoss(canvas, frame, look, ink, ghost) {
	const space = fit(canvas), { g } = space, curve = frame.curve.filter((c) => c[0] > 0);
	const shown = [...frame.curve, ...(ghost || [])], last = Math.max(100, frame.now, ...shown.map((c) => c[0]));
	const logs = shown.flatMap((c) => [c[1], c[2]]).filter((v) => v > 0).map(Math.log10);
	const top = Math.ceil(Math.max(-9, ...logs)), low = Math.max(-16, Math.min(top - 2, Math.floor(Math.min(...logs))));
	const many = Math.ceil((top - low) / 4), wide = Math.log10(last), tens = (e) => [10 ** e, SUPER(e)];
	const P = axes(space, ink,
		{ from: 1, to: last, log: true, ticks: range(0, Math.floor(wide + 1e-9)).map((e) => (wide > 4 && e % 2 ? [10 ** e, ""] : tens(e))), label: "step" },
		{ from: 10 ** low, to: 10 ** top, log: true, ticks: range(low, top, many).map(tens) });
	const draw = (points, column, ...style) =>
		path(g, points.map((c) => [P.X(Math.max(1, c[0])), P.Y(Math.max(10 ** low, c[column]))]), ...style);
	if (ghost) draw(ghost, 2, GHOST, 2);
	draw(curve, 1, ink.student, 1.4, [4, 3]);
	draw(curve, 2, ink.text, 1.8);
	const { of, k } = look.node || {}, mine = of === "students" ? frame.students[k]?.partner : k;
	frame.teachers.forEach(({ found }, j) => { // when a teacher node was specialized
		const there = frame.curve.find((c) => c[0] >= found);
		if (there) badge(g, j + 1, P.X(Math.max(1, found)), P.Y(there[2]), 7.5, ink.teacher, j === mine && ink.accent, 3);
	});
	const x = P.X(Math.max(1, frame.steps));
	if (frame.at < frame.curve.length - 1) path(g, [[x, P.top], [x, P.bottom]], ink.accent, 1.5);
	return P;
}

// --- one playground ---

const element = (name, settings = {}, ...children) => {
	const found = document.createElement(name);
	for (const [key, value] of Object.entries(settings))
		key.startsWith("on") ? (found[key] = value) : found.setAttribute(key, value);
	found.append(...children);
	return found;
};
const on = (target, events, act) => events.split(" ").forEach((event) => target.addEventListener(event, act));
const div = (name, ...children) => element("div", { class: `pg-${name}` }, ...children);
const whole = (value) => Math.round(value).toLocaleString("en");
const foundIn = ({ teachers }) => teachers.filter((t) => t.found !== undefined).length;
const say = (value) =>
	!value || Math.abs(value) >= 0.001 ? Number(value.toPrecision(3)).toLocaleString("en")
		: value.toExponential(1).replace(/e(.*)/, (_, e) => ` · ${SUPER(e)}`);
const SLICE = 20; // milliseconds of training for a picture
const PACES = { "one by one": 0, steady: 1.2, "full speed": 1e9 }; // growth of the step number per second

function playground(home) {
	const small = "small" in home.dataset, call = connect();
	const state = { at: -1, speed: 0, pace: PACES.steady, visible: true, turned: 0, playing: false };
	const [plane, shape, loss] = ["plane", "shape", "loss"].map((name) => element("canvas", { class: `pg-${name}`, role: "img" }));
	let dots = [], scale_ = null, chain = Promise.resolve();
	const queue = (work) => (chain = chain.then(work));
	const once = (work) => { // queues it once, however often it is asked for before its turn
		let due = false;
		return () => {
			if (!due) queue(() => { due = false; return work(); });
			due = true;
		};
	};

	// markup
	const caption = (canvas, title) => element("figure", {}, element("figcaption", {}, title), canvas);
	const button = (text, name, onclick) => element("button", { type: "button", "aria-label": name || text, title: name, onclick }, text);
	const play = button("▶", "play", () => (state.playing ? pause() : resume()));
	const count = element("output", { class: "pg-count" });
	const stage = div("stage", plane,
		caption(shape, element("span", {}, "Students: ", element("b", {}, "correlation"), " with their best teacher")),
		caption(loss, element("span", {}, element("b", {}, "Loss"), " on the square, ", element("i", {}, "on the samples"))));
	const parts = { controls: {}, message: div("message") };

	const tell = (text) => (parts.message.textContent = text);

	function paint() {
		const { frame } = state;
		if (!frame || !plane.clientWidth) return;
		const style = getComputedStyle(home), ink = {};
		for (const name of ["text", "student", "teacher", "accent"]) ink[name] = style.getPropertyValue(`--pg-${name}`).trim();
		const look = { node: state.hover || state.node, small, pen: state.pen };
		paintPlane(plane, frame, look);
		dots = paintShape(shape, frame, look, ink);
		scale_ = paintLoss(loss, frame, look, ink, state.ghost);
		plane.ariaLabel = `${frame.teachers.length} teacher lines, ${foundIn(frame)} found, and ${frame.students.length} student lines`;
		shape.ariaLabel = `${frame.students.filter((s) => s.best > 0.95).length} students correlate above .95 with a teacher node`;
		loss.ariaLabel = `loss ${say(frame.loss)} on the square, ${say(frame.train)} on the samples`;
		count.textContent = `step ${whole(frame.steps)}` + (state.playing && state.speed ? ` · ${whole(state.speed)} steps/s` : "");
		if (small) return;
		parts.time.max = frame.curve.length - 1;
		parts.time.value = frame.at;
		parts.time.ariaValueText = `step ${frame.steps}`;
		parts.node.max = frame.teachers.length + frame.students.length;
		describe(look.node);
	}

	function describe(node) {
		const { frame } = state, one = node && frame[node.of][node.k];
		const words = !one ? "Point at a line or a dot: its numbers."
			: node.of === "teachers"
				? `Teacher ${node.k + 1}: strength ${say(one.strength)}; seen by ${one.seen} of ${frame.students.length} students, the best correlates ${say(one.best)}; ` +
					(one.found === undefined ? `${Math.round(100 * Math.min(1, one.lacking))} % of its kink is lacking.` : `found at step ${whole(one.found)}.`)
				: `Student ${node.k + 1}: fan-out norm ${say(one.fanOut)}, strength ${say(one.strength)}; correlates ${say(one.best)} with teacher ${one.partner + 1}; ` +
					`active on ${Math.round(100 * one.on)} % of the square.`;
		parts.words.textContent = words;
		parts.node.ariaValueText = words;
		const at = !node ? 0 : 1 + node.k + (node.of === "students" ? frame.teachers.length : 0);
		if (!state.hover) parts.node.value = at;
	}

	/* The first element of a kind in the section of a preset. */
	const part = (name, kind) => document.getElementById(name)?.closest("section")?.querySelector(kind);

	// running
	const renew = async () => {
		receive(await call("frame", state.at));
		paint();
	};
	const again = once(renew);
	const receive = (frame) => // of every line one end has its badge
		 (state.frame = Object.assign(frame, { badges: frame.teachers.map(({ row }, j) => ends(row)?.[j % 2]) }));

	async function start(of, { preset = null, keepGhost = true } = {}) {
		if (!keepGhost) state.ghost = null;
		else if (state.frame?.now > 0) state.ghost = state.frame.curve;
		Object.assign(state, { of, preset, at: -1, node: null, hover: null, pen: null });
		await call("start", { ...of });
		await renew();
		show();
	}
	const begin = (...words) => queue(() => start(...words));

	function pause() {
		state.playing = false;
		show();
		paint();
	}

	function resume() {
		if (state.frame?.diverged) return;
		state.playing = true;
		show();
		wake();
	}

	/* What follows goes on from the time that is looked at. */
	async function present() {
		if (state.at < 0) return;
		await call("rewind", state.at);
		state.at = -1;
		tell("");
	}

	async function advance(steps, budget) {
		await present();
		const before = performance.now(), known = foundIn(state.frame);
		const [{ trained, milliseconds }, frame] = await Promise.all([call("advance", steps, budget), call("frame", -1)]);
		receive(frame);
		if (!steps) return;
		const speed = (1000 * trained) / (performance.now() - before);
		state.speed = state.speed ? 0.9 * state.speed + 0.1 * speed : speed;
		if (foundIn(frame) > known) tell(`${foundIn(frame)} of ${frame.teachers.length} teacher nodes found by step ${whole(frame.now)}.`);
		if (frame.diverged) {
			pause();
			tell(`The learning rate ${state.of.rate} is too large: the weights grow without end. Choose a smaller one and start again.`);
		}
		if (state.of.kind === "drawn" && !frame.points.length) {
			pause();
			tell("There are no samples yet: draw some in the square.");
		}
		return milliseconds;
	}

	const walk = (...words) => queue(() => advance(...words).then(paint));

	/* The worker trains on while a picture is drawn; with nothing to hurry for, there is one turn per picture. */
	function turn() {
		if (!state.playing || state.busy || document.hidden || !state.visible) return;
		state.busy = true;
		queue(async () => {
			if (!state.playing) return;
			const passed = Math.min(0.25, (performance.now() - state.turned) / 1000);
			state.turned = performance.now();
			const took = await advance(1 + Math.ceil(state.frame.now * Math.expm1(Math.min(9, passed * state.pace))), SLICE);
			setTimeout(paint);
			if (small && state.frame.now > 30000) begin({ ...state.of, seed: state.of.seed + 1 }, { keepGhost: false });
			if (state.frame.now >= 2e6) pause();
			return took > SLICE;
		}).then((full) => {
			state.busy = false;
			full ? turn() : wake();
		});
	}
	const wake = () => requestAnimationFrame(turn);

	const restart = () => begin(state.of, { preset: state.preset }).then(() => tell(""));
	/* Without motion: a trained student, to step and scrub by hand. */
	const go = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? walk(4000, 3000) : resume());

	/* A setting is changed: some go on with the same student, others start anew. */
	async function alter(name, value) {
		const of = { ...state.of, [name]: value }, live = !SETTINGS[name] || SETTINGS[name].live;
		if (["nodes", "seed", "start"].includes(name)) delete of.lines;
		if (of.weights && !live && name !== "slope") {
			delete of.weights; // others are drawn
			for (const size of SIZES) of[size] = near(SETTINGS[size], of[size]);
		}
		if (live) {
			await present();
			state.of = of;
			await call("change", { [name]: value });
			await renew();
			show();
		} else await start(of);
		address();
	}
	const change = (...words) => queue(() => alter(...words));

	const address = () => history.replaceState(null, "", write(state.of));

	function show() {
		play.textContent = state.playing ? "❚❚" : "▶";
		play.title = state.playing ? "pause" : "play";
		play.ariaLabel = play.title;
		if (small) return;
		for (const [name, set] of Object.entries(parts.controls)) set(state.of[name]);
		for (const one of parts.presets.children) one.ariaPressed = one.dataset.preset === state.preset;
		const text = part(state.preset, "p"), [words, what] = ACTIONS[state.preset] || [];
		parts.story.replaceChildren(...(text ? [text.cloneNode(true)] : []));
		const act = () => (typeof what === "string" ? shrink(what) : begin({ ...state.of, ...what }, { preset: state.preset }).then(address).then(go));
		if (words) parts.story.append(button(words, "", act));
	}

	/* Prune or fuse. */
	const shrink = (how) => queue(async () => {
		await present();
		const { removed, before, after } = await call(how);
		state.node = state.hover = null;
		await renew();
		tell(`${removed} students fewer, ${state.frame.students.length} left: loss on the square ${say(before)} before, ${say(after)} after.`);
	});

	async function load(hash, scroll) {
		const { of, wrong, preset } = read(hash);
		await begin(of, { preset, keepGhost: false });
		tell(wrong.length ? `In the address: ${wrong.join("; ")}.` : "");
		if (scroll && preset) home.scrollIntoView({ block: "start" });
	}

	if (small) {
		document.querySelector("article figure")?.remove(); // the still picture, whose place it takes
		home.replaceChildren(stage, div("bar", play, count, element("a", { href: home.dataset.link }, "play with it")));
	} else {
		build();
	}

	function build() {
		const control = (name) => {
			const one = SETTINGS[name], { names, values, typed } = one, id = `pg-${name}`, slides = !names && !typed;
			const shown = element("output", { for: id });
			const field = names
				? element("select", { id }, ...Object.entries(names).map(([value, text]) => element("option", { value }, text)))
				: element("input", { id, type: slides ? "range" : "number", min: 0, max: values.length - 1 });
			const told = (value) => {
				if (slides) shown.textContent = field.ariaValueText = value.toLocaleString("en");
			};
			field.oninput = () => told(values?.[field.value]);
			field.onchange = () => {
				const asked = slides ? values[field.value] : field.value, taken = near(one, asked);
				if (taken != asked) tell(`${one.label} must be ${allowed(one)}; ${taken} is taken.`);
				change(name, taken);
			};
			parts.controls[name] = (value) => {
				field.value = names ? value : values.indexOf(value);
				told(value);
			};
			return div("control", element("label", { for: id }, one.label), shown, field);
		};
		parts.presets = element("div", { class: "pg-presets", role: "group", "aria-label": "presets" },
			...Object.keys(PRESETS).map((name) => element("button", { type: "button", "data-preset": name, onclick: () => {
				history.replaceState(null, "", `#${name}`);
				load(`#${name}`).then(go);
			} }, part(name, "h3").firstChild.textContent)));
		parts.story = div("story");
		parts.story.ariaLive = "polite";
		const slider = (name, oninput) => element("input", { type: "range", min: 0, value: 0, "aria-label": name, oninput });
		parts.time = slider("time", () => goTo(Number(parts.time.value)));
		parts.node = slider("node", () => {
			const k = parts.node.value - 1, m = state.frame.teachers.length;
			state.node = k < 0 ? null : k < m ? { of: "teachers", k } : { of: "students", k: k - m };
			paint();
		});
		parts.words = div("words");
		const pace = element("select", { "aria-label": "speed", onchange: () => (state.pace = PACES[pace.value]) }, ...Object.keys(PACES).map((name) => element("option", {}, name)));
		pace.value = "steady";
		const copy = async () => {
			const box = element("textarea", { class: "pg-copy", "aria-label": "lines of ts_core", readonly: "" }, await code());
			navigator.clipboard?.writeText(box.value).catch(() => {});
			parts.message.replaceChildren("Lines of ts_core, copied if the browser allows:", box);
			box.select();
		};
		home.replaceChildren(
			parts.presets, parts.story, stage,
			div("bar", play, button("❘▶", "one step", () => { pause(); walk(1); }), button("↺", "restart", restart), pace, parts.time, count),
			div("node", parts.node, parts.words),
			parts.message,
			div("controls", ...Object.keys(SETTINGS).map(control)),
			div("bar", button("copy as ts_core code", "", copy), button("clear drawn samples", "", () => change("points", []))));
		parts.message.role = "status";
		plane.tabIndex = 0;
		plane.role = "application";
		on(window, "hashchange", () => load(location.hash, true).then(go));
	}

	const code = async () => python(await call("origin", state.at));

	function goTo(at) {
		pause();
		state.at = at >= state.frame.curve.length - 1 ? -1 : at;
		again();
	}

	// pointing, dragging, drawing
	function pointers() {
		const inputs = ({ offsetX: x, offsetY: y }) => [(2 * x / plane.clientWidth - 1) * M.REACH, (1 - 2 * y / plane.clientHeight) * M.REACH];
		const reach = (event, pixels) => (event.pointerType === "touch" ? 2 : 1) * pixels * (2 * M.REACH) / plane.clientWidth;
		const least = (of, distances, within) => { // the node of the least distance below ``within``
			const k = distances.indexOf(Math.min(...distances));
			return distances[k] < within ? { of, k } : null;
		};
		const nearest = (of, [x, y], within) =>
			least(of, state.frame[of].map(({ row }) => (ends(row) ? Math.abs(row[0] * x + row[1] * y + row[2]) / Math.hypot(row[0], row[1]) : 9)), within);
		const under = (event) => { // the node that is pointed at; of a teacher perhaps by its badge
			const point = inputs(event), away = ([x, y]) => Math.hypot(x - point[0], y - point[1]);
			const badge = least("teachers", state.frame.badges.map((end) => (end ? away(end) : 9)), reach(event, 14));
			return badge ? { ...badge, badge } : nearest("teachers", point, reach(event, 8)) || nearest("students", point, reach(event, 10));
		};
		let drag = null;
		const moved = (row) => {
			const turn = Math.atan2(row[1], row[0]) / TAU, norm = Math.hypot(row[0], row[1]);
			return [Math.round((turn + 1) * M.TICKS) % M.TICKS, M.tick(row[2] / norm)];
		};
		const lines = () => state.of.lines || state.frame.teachers.map(({ row }) => moved(row));
		const aimed = new Map(), drawn = []; // what waits for its turn, that no move is lost
		const turnLines = once(() => {
			const all = lines().map((line, k) => aimed.get(k) || line);
			aimed.clear();
			return alter("lines", all);
		});
		const aim = (k, line) => {
			aimed.set(k, line);
			turnLines();
		};
		const draw = once(() => {
			const points = state.of.points.slice(), free = ([x, y]) => points.every((u, i) => i % 2 || Math.hypot(u - x, points[i + 1] - y) >= 60);
			for (const point of drawn.splice(0)) if (points.length < 1000 && free(point)) points.push(...point);
			return points.length > state.of.points.length && alter("points", points);
		});
		const put = (point) => {
			if (point.every((v) => Math.abs(v) <= M.REACH)) drawn.push(point.map(M.tick));
			draw();
		};

		/* What a drag does, at every point that the pointer comes to: move a line, or turn it around the end without its badge. */
		const mover = ({ k, badge }, from) => {
			const { row: [w0, w1, b] } = state.frame.teachers[k], held = state.frame.badges[k];
			const pivot = badge && ends([w0, w1, b]).find((end) => String(end) !== String(held));
			if (!pivot) return ([x, y]) => aim(k, moved([w0, w1, b - w0 * (x - from[0]) - w1 * (y - from[1])]));
			return ([x, y]) => {
				const across = [y - pivot[1], pivot[0] - x], side = across[0] * w0 + across[1] * w1 < 0 ? -1 : 1, [n0, n1] = across.map((v) => side * v);
				if (Math.hypot(n0, n1) > 0.3) aim(k, moved([n0, n1, -n0 * pivot[0] - n1 * pivot[1]]));
			};
		};

		on(plane, "pointerdown", (event) => {
			const point = inputs(event), node = under(event), draws = state.of.kind === "drawn" && node?.of !== "teachers";
			if (draws) put(point);
			else state.node = node;
			drag = draws ? put : node?.of === "teachers" && mover(node, point);
			if (drag) {
				plane.setPointerCapture(event.pointerId);
				event.preventDefault();
			}
			paint();
		});
		on(plane, "pointermove", (event) => {
			if (drag) return drag(inputs(event));
			if (event.pointerType === "touch") return;
			state.hover = under(event);
			plane.style.cursor = state.hover?.of === "teachers" ? "grab" : state.of.kind === "drawn" ? "crosshair" : "default";
			paint();
		});
		on(plane, "touchstart", (event) => drag && event.preventDefault()); // else it scrolls the page
		on(plane, "pointerup pointercancel", () => (drag = null));
		for (const canvas of [plane, shape]) on(canvas, "pointerleave", () => { state.hover = null; paint(); });
		const dotAt = (event) => least("students", dots.map(([x, y]) => Math.hypot(x - event.offsetX, y - event.offsetY)), 14);
		on(shape, "pointermove", (event) => { state.hover = dotAt(event); paint(); });
		on(shape, "pointerdown", (event) => { state.node = dotAt(event); paint(); });
		on(loss, "pointerdown pointermove", (event) => {
			if (!(event.buttons & 1)) return;
			const at = state.frame.curve.findIndex((c) => scale_.X(Math.max(1, c[0])) >= event.offsetX);
			goTo(at < 0 ? Infinity : at);
		});

		on(plane, "keydown", (event) => {
			const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
			const teacher = state.node?.of === "teachers", draws = state.of.kind === "drawn";
			if (by && teacher) {
				const { k } = state.node, [angle, offset] = aimed.get(k) || lines()[k];
				aim(k, [(angle + 16 * by[0] + M.TICKS) % M.TICKS, Math.max(0, Math.min(M.TICKS - 1, offset + 32 * by[1]))]);
			} else if (by && draws) {
				state.pen = (state.pen || [0, 0]).map((v, i) => Math.max(-M.REACH, Math.min(M.REACH, v + 0.1 * by[i])));
			} else if (draws && state.pen && (event.key === "Enter" || event.key === " ")) put(state.pen);
			else if (draws && event.key === "Backspace") queue(() => alter("points", state.of.points.slice(0, -2)));
			else if (event.key === "Escape") state.node = state.pen = null;
			else return;
			event.preventDefault();
			paint();
		});
	}

	new ResizeObserver(paint).observe(home);
	new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
	new IntersectionObserver(([seen]) => { state.visible = seen.isIntersecting; wake(); }).observe(home);
	on(document, "visibilitychange", wake);
	load(small ? `#${home.dataset.small}` : location.hash, true).then(() => {
		home.dataset.ready = "";
		if (!small) pointers();
		go();
	});
	return { state, call, code, change, load, pause, resume, settled: () => chain, advance: walk };
}

window.playgroundSettings = { SETTINGS, PRESETS, DEFAULTS, read, write };
window.playgrounds = [...document.querySelectorAll("div.playground")].map(playground); // deferred: all are there
})();
