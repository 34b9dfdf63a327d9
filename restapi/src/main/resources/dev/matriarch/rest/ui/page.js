// Shows what /ui/events sends. Asks for nothing else, changes nothing, and puts texts into the page as texts only.
'use strict';
(() => {
  const SAMPLES = 120; // a minute, two a second
  const SILENCE = 5000; // milliseconds without a word: the figures are old
  const SVG = 'http://www.w3.org/2000/svg';
  const $ = id => document.getElementById(id);
  const text = (node, value) => { if (node.textContent !== value) node.textContent = value; };
  const attr = (node, name, value) => {
    if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  };
  const make = (name, attributes, ...children) => {
    const svg = make.svg.has(name);
    const node = svg ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) attr(node, key, value);
    node.append(...children);
    return node;
  };
  make.svg = new Set(['svg', 'g', 'path', 'rect', 'circle', 'line', 'text', 'title', 'desc']);

  // --- words ---

  const ROLES = {
    leader: ['Leader', 'good'], standby_leader: ['Standby leader', 'good'],
    sync_standby: ['Sync standby', 'info'], quorum_standby: ['Quorum standby', 'info'], replica: ['Replica', 'idle'],
  };
  const role = member => ROLES[member.role] || [member.role, 'idle'];
  const leads = member => member.role === 'leader' || member.role === 'standby_leader';
  const synchronous = member => member.role === 'sync_standby' || member.role === 'quorum_standby';
  const healthy = member => member.state === 'running' || member.state === 'streaming' || member.state === 'in archive recovery';
  const bytes = count => {
    if (typeof count !== 'number') return 'unknown';
    if (count < 1024) return count + ' B';
    const units = ['kB', 'MB', 'GB', 'TB'];
    let value = count;
    let unit = -1;
    while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
    return value.toFixed(value < 10 ? 1 : 0) + ' ' + units[unit];
  };
  const seconds = millis => (millis / 1000).toFixed(1) + ' s';
  const clock = at => new Date(at).toLocaleTimeString([], { hour12: false });
  const sentence = words => words ? words[0].toUpperCase() + words.slice(1) : '';

  // --- plots ---

  const samples = new Map(); // 'lease n1' -> numbers
  const sample = (key, value) => {
    const row = samples.get(key) || [];
    row.push(value);
    if (row.length > SAMPLES) row.shift();
    samples.set(key, row);
    return row;
  };
  function plot(label) {
    const strong = make('strong', {});
    const area = make('path', { class: 'area' });
    const curve = make('path', { class: 'curve' });
    const svg = make('svg', { viewBox: '0 0 120 32', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      make('line', { class: 'base', x1: 0, y1: 32, x2: 120, y2: 32 }), area, curve);
    const root = make('div', { class: 'plot' }, make('p', { class: 'value' }, make('span', {}, label), strong), svg);
    return {
      root,
      show(value, row, most) {
        text(strong, value);
        const x = i => 120 - (row.length - 1 - i) * 120 / (SAMPLES - 1);
        const y = v => 31 - Math.min(1, v / most) * 29;
        // What is not known is a gap.
        let path = '';
        let filled = '';
        let start = -1;
        const close = end => { if (start >= 0) filled += `L${x(end).toFixed(1)} 32L${x(start).toFixed(1)} 32Z`; start = -1; };
        row.forEach((v, i) => {
          if (typeof v !== 'number') { close(i - 1); return; }
          const point = `${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
          path += (start < 0 ? 'M' : 'L') + point;
          filled += (start < 0 ? `M` : 'L') + point;
          if (start < 0) start = i;
        });
        close(row.length - 1);
        attr(curve, 'd', path || null);
        attr(area, 'd', filled || null);
      },
    };
  }

  // --- topology ---

  const WIDTH = 168, HEIGHT = 58, GAP = 28, DROP = 64, RING = 15;
  let drawn = '';
  let parts = null;

  function layout(state, members) {
    const names = new Set(members.map(m => m.name));
    const leader = members.find(m => leads(m));
    const parent = member => {
      const wish = member.tags && member.tags.replicatefrom;
      if (wish && names.has(wish) && wish !== member.name && !(leader && wish === leader.name)) return wish;
      return leader ? leader.name : '';
    };
    const level = (member, seen = new Set()) => {
      if (leads(member)) return 0;
      const above = members.find(m => m.name === parent(member));
      if (!above || seen.has(member.name)) return 1;
      return 1 + level(above, seen.add(member.name));
    };
    const broad = $('topology').clientWidth < 560 ? 2 : 4;
    const rows = [leader ? [leader] : [null]];
    for (const member of members.filter(m => m !== leader)) {
      const at = level(member);
      (rows[at] = rows[at] || []).push(member);
    }
    const lines = [];
    for (const row of rows.filter(Boolean)) for (let i = 0; i < row.length; i += broad) lines.push(row.slice(i, i + broad));
    const columns = Math.max(...lines.map(l => l.length), 2);
    const width = columns * WIDTH + (columns - 1) * GAP + 8;
    const places = new Map();
    lines.forEach((line, y) => {
      const span = line.length * WIDTH + (line.length - 1) * GAP;
      line.forEach((member, x) => places.set(member ? member.name : '', {
        x: (width - span) / 2 + x * (WIDTH + GAP), y: 4 + y * (HEIGHT + DROP), member,
      }));
    });
    return { places, parent, width, height: lines.length * (HEIGHT + DROP) - DROP + 8 };
  }

  function topology(state, members, pulses) {
    const shape = JSON.stringify([$('topology').clientWidth < 560, state.leader,
      members.map(m => [m.name, m.role, m.state, m.tags && m.tags.replicatefrom, pulses.has(m.name) && !!pulses.get(m.name).problem])]);
    if (shape !== drawn) {
      drawn = shape;
      draw(state, members, pulses);
    }
    for (const member of members) {
      const label = parts.labels.get(member.name);
      if (label) text(label, streams(member) ? `${bytes(member.lag)} behind` : member.state);
    }
    if (parts.rest) {
      const left = lease(state, pulses);
      const around = 2 * Math.PI * RING;
      attr(parts.rest, 'stroke-dashoffset', (around * (1 - (left === null ? 0 : Math.min(1, left / state.ttl_millis)))).toFixed(1));
      text(parts.restText, left === null ? '?' : (left / 1000).toFixed(left < 9950 ? 1 : 0));
    }
  }

  const streams = member => member.state === 'streaming';
  const lease = (state, pulses) => {
    const pulse = state.leader && pulses.get(state.leader);
    return pulse && typeof pulse.lease_millis === 'number' ? pulse.lease_millis : null;
  };

  function draw(state, members, pulses) {
    const plan = layout(state, members);
    const svg = make('svg', {
      viewBox: `0 0 ${plan.width} ${plan.height}`, role: 'img', 'aria-labelledby': 'picture-title picture-text',
    });
    svg.append(
      make('title', { id: 'picture-title' }, 'Who replicates from whom'),
      make('desc', { id: 'picture-text' }, description(state, members, plan)));
    parts = { labels: new Map(), rest: null, restText: null };
    const words = [];
    for (const [name, place] of plan.places) {
      if (!place.member || leads(place.member)) continue;
      const above = plan.places.get(plan.parent(place.member)) || plan.places.get('');
      if (!above) continue;
      const x1 = above.x + WIDTH / 2, y1 = above.y + HEIGHT, x2 = place.x + WIDTH / 2, y2 = place.y;
      const kind = streams(place.member) && above.member ? (synchronous(place.member) ? 'sync flowing' : 'async flowing') : 'broken';
      const middle = (y1 + y2) / 2;
      svg.append(make('path', {
        class: 'edge ' + kind,
        'data-tone': kind === 'broken' ? 'bad' : role(place.member)[1],
        d: `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`,
      }));
      // On the side that the line does not come from.
      const outward = x2 < x1 ? -10 : 10;
      const label = make('text', { class: 'edge-label', x: x2 + outward, y: y2 - 13, 'text-anchor': outward < 0 ? 'end' : 'start' });
      parts.labels.set(name, label);
      words.push(label);
    }
    svg.append(...words);
    for (const place of plan.places.values()) svg.append(box(state, place, pulses));
    svg.style.maxWidth = plan.width * 1.25 + 'px';
    $('topology').replaceChildren(svg);
  }

  function box(state, place, pulses) {
    const member = place.member;
    const silent = member && pulses.has(member.name) && pulses.get(member.name).problem;
    const [words, tone] = member ? role(member) : ['nobody holds the lock', 'bad'];
    const group = make('g', { class: 'node', 'data-tone': silent || member && !healthy(member) ? 'bad' : tone, 'data-absent': member && !silent ? null : '' });
    const isLeader = member && leads(member);
    const left = place.x + (isLeader ? 2 * RING + 26 : 16);
    group.append(
      make('rect', { x: place.x, y: place.y, width: WIDTH, height: HEIGHT, rx: 10 }),
      make('text', { x: left, y: place.y + 25 }, member ? shorten(member.name, isLeader ? 12 : 17) : 'no leader'),
      make('text', { class: 'role', x: left, y: place.y + 43 }, silent ? 'does not answer' : words));
    if (isLeader) {
      const x = place.x + RING + 13, y = place.y + HEIGHT / 2, around = 2 * Math.PI * RING;
      parts.rest = make('circle', { class: 'ring-rest', cx: x, cy: y, r: RING, 'stroke-dasharray': around.toFixed(1), transform: `rotate(-90 ${x} ${y})` });
      parts.restText = make('text', { class: 'ring-text', x, y: y + 4 });
      group.append(make('circle', { class: 'ring-back', cx: x, cy: y, r: RING }), parts.rest, parts.restText);
    }
    return group;
  }

  const shorten = (name, most) => name.length > most ? name.slice(0, most - 1) + '…' : name;

  function description(state, members, plan) {
    const head = state.leader ? `${state.leader} leads.` : 'Nobody leads.';
    return [head, ...members.filter(m => !leads(m)).map(m =>
      `${m.name}, ${role(m)[0].toLowerCase()}, ${m.state}${plan.parent(m) ? ', from ' + plan.parent(m) : ''}.`)].join(' ');
  }

  // --- members ---

  const cards = new Map();

  function card(name) {
    const chip = make('span', { class: 'chip' });
    const status = make('span', {});
    const timeline = make('span', {});
    const leaseLeft = plot('Lease remaining');
    const behind = plot('Behind the leader');
    const facts = make('dl', { class: 'facts' });
    const decision = make('p', { class: 'decision' });
    const root = make('li', { class: 'member', 'data-member': name },
      make('header', {}, make('h3', {}, name), chip),
      make('p', { class: 'state' }, status, timeline),
      leaseLeft.root, behind.root, facts, decision);
    return { root, chip, status, timeline, leaseLeft, behind, facts, decision, rows: new Map() };
  }

  function fact(c, name, value, tone) {
    let row = c.rows.get(name);
    if (value === undefined || value === null || value === '') {
      if (row) { row.dt.remove(); row.dd.remove(); c.rows.delete(name); }
      return;
    }
    if (!row) {
      row = { dt: make('dt', {}, name), dd: make('dd', {}) };
      c.rows.set(name, row);
      c.facts.append(row.dt, row.dd);
    }
    text(row.dd, value);
    attr(row.dd, 'data-tone', tone || null);
  }

  function member(state, m, pulse) {
    const isNew = !cards.has(m.name);
    const c = cards.get(m.name) || card(m.name);
    if (isNew) { cards.set(m.name, c); }
    const [words, tone] = role(m);
    attr(c.root, 'data-role', m.role);
    attr(c.root, 'data-tone', tone);
    text(c.chip, words);
    text(c.status, sentence(m.state));
    attr(c.status, 'class', healthy(m) ? null : 'trouble');
    text(c.timeline, m.timeline ? 'timeline ' + m.timeline : '');
    c.leaseLeft.root.hidden = !leads(m);
    c.behind.root.hidden = leads(m);
    const left = pulse && typeof pulse.lease_millis === 'number' ? pulse.lease_millis : null;
    const leaseRow = sample('lease ' + m.name, leads(m) ? left : null);
    const lag = leads(m) ? 0 : (typeof m.lag === 'number' ? m.lag : null);
    const lagRow = sample('lag ' + m.name, lag);
    if (leads(m)) c.leaseLeft.show(left === null ? 'unknown' : seconds(left), leaseRow, state.ttl_millis);
    else c.behind.show(bytes(lag), lagRow, Math.max(65536, ...lagRow.filter(v => typeof v === 'number')));
    fact(c, 'Address', m.host ? (m.host.includes(':') ? `[${m.host}]` : m.host) + (m.port ? ':' + m.port : '') : '');
    const silent = pulse && pulse.problem;
    fact(c, 'Agent', silent ? 'does not answer: ' + pulse.problem : pulse && pulse.late_millis > 2000 ? 'late by ' + seconds(pulse.late_millis) : '', 'bad');
    fact(c, 'Guard', !pulse || silent ? '' : pulse.guarded ? 'armed' : leads(m) ? 'not armed' : 'not needed',
      pulse && pulse.guarded ? 'good' : leads(m) ? 'bad' : null);
    fact(c, 'Watchdog', pulse && !silent && pulse.watchdog && pulse.watchdog !== 'off' ? pulse.watchdog : '', pulse && pulse.watchdog === 'failed' ? 'bad' : null);
    fact(c, 'Pending restart', m.pending_restart ? Object.entries(m.pending_restart_reason || {})
      .map(([k, v]) => `${k}: ${v.old_value} → ${v.new_value}`).join(', ') || 'yes' : '', 'warn');
    fact(c, 'Scheduled restart', m.scheduled_restart ? new Date(m.scheduled_restart.schedule).toLocaleString() : '', 'warn');
    fact(c, 'Copy', m.clone_progress ? `${bytes(m.clone_progress.bytes)}${m.clone_progress.total ? ' of ' + bytes(m.clone_progress.total) : ''}` : '');
    fact(c, 'Tags', m.tags ? Object.entries(m.tags).map(([k, v]) => `${k}: ${v}`).join(', ') : '');
    text(c.decision, pulse && !silent ? pulse.last_decision : '');
    c.decision.hidden = !c.decision.textContent;
    return c.root;
  }

  function order(list, nodes) {
    nodes.forEach((node, i) => { if (list.children[i] !== node) list.insertBefore(node, list.children[i] || null); });
    while (list.children.length > nodes.length) list.lastChild.remove();
  }

  // --- the rest ---

  function verdict(state, members, pulses) {
    const leader = members.find(leads);
    const worried = !state.fresh || !state.alive;
    const silent = leader && pulses.has(leader.name) && !!pulses.get(leader.name).problem;
    const losesNothing = /at most: nothing/.test(state.guarantee);
    const waits = losesNothing && /because commits wait/.test(state.guarantee);
    let words = leader ? `${leader.name} leads` + (leader.timeline ? `, timeline ${leader.timeline}` : '') : 'Nobody leads';
    if (state.standby_cluster && leader) words = `${leader.name} leads this standby cluster`;
    if (silent) words = `${leader.name} leads, but does not answer`;
    if (!state.cluster) words = 'The store was not read yet';
    attr($('verdict'), 'data-tone', worried || !leader ? 'bad' : waits || silent || !losesNothing || state.paused ? 'warn' : 'good');
    text($('headline'), words);
    text($('guarantee'), sentence(state.guarantee));
    attr($('shield-mark'), 'd', losesNothing ? 'M8.5 12l2.5 2.5 4.5-5' : 'M12 8v5M12 16.2v.1');
    document.title = (leader ? '' : '⚠ ') + `${state.scope}: ${words}`;
    return words;
  }

  function notices(state, members, pulses) {
    const list = [];
    const add = (tone, head, rest) => list.push([tone, head, rest]);
    if (!state.alive) add('bad', 'This agent’s loop is late.', 'What follows may be old.');
    if (!state.fresh) add('bad', 'The store was not read within the last ttl.', 'What follows is what this member knew before.');
    if (state.failsafe) add('warn', 'Failsafe mode is active.', 'The leader stays without the store because all members agree.');
    if (state.paused) add('warn', 'The cluster is paused.', 'Nobody is promoted or restarted until it is resumed.');
    const planned = state.cluster && state.cluster.scheduled_switchover;
    if (planned) add('info', 'A switchover is scheduled', `for ${new Date(planned.at).toLocaleString()}` + (planned.from ? `, from ${planned.from}` : '') + (planned.to ? ` to ${planned.to}` : '') + '.');
    const pending = members.filter(m => m.pending_restart).map(m => m.name);
    if (pending.length) add('warn', 'A restart is pending', `on ${pending.join(', ')}: changed parameters wait for it.`);
    const silent = [...pulses.values()].filter(p => p.problem).map(p => p.name);
    if (silent.length) add('bad', 'No answer', `from the agent of ${silent.join(', ')}.`);
    const key = JSON.stringify(list);
    if ($('notices').dataset.key === key) return;
    $('notices').dataset.key = key;
    $('notices').replaceChildren(...list.map(([tone, head, rest]) =>
      make('li', { class: 'notice', 'data-tone': tone }, make('strong', {}, head), ' ' + rest)));
  }

  const shown = new Map();

  function events(state) {
    const now = [...state.events].reverse();
    const nodes = now.map(e => {
      const key = `${e.at} ${e.member} ${e.what}`;
      if (!shown.has(key)) {
        const when = new Date(e.at);
        shown.set(key, make('li', { class: 'event', 'data-kind': e.kind },
          make('time', { datetime: when.toISOString(), title: when.toLocaleString() }, clock(e.at)),
          make('div', {}, ...(e.shared ? [e.what] : [make('b', {}, e.member + ': '), e.what]))));
      }
      return shown.get(key);
    });
    order($('events'), nodes);
    if (shown.size > 500) for (const key of shown.keys()) { if (!nodes.includes(shown.get(key))) shown.delete(key); }
    $('no-events').hidden = nodes.length > 0;
  }

  function store(pulses) {
    const rows = [...pulses.values()].filter(p => p.problem || p.store && 'raft_term' in p.store);
    const known = rows.some(p => !p.problem);
    $('store').hidden = !known;
    if (!known) return;
    order($('peers'), rows.map(p => {
      const id = 'peer ' + p.name;
      const row = cards.get(id) || make('tr', {}, make('th', { scope: 'row' }, p.name), ...[0, 1, 2, 3].map(i => make('td', { class: i ? 'number' : null })));
      cards.set(id, row);
      const s = p.store || {};
      const contact = s.raft_last_contact_seconds;
      const words = p.problem ? ['no answer', '', '', '']
        : [s.raft_leader ? 'leader' : s.raft_healthy ? 'follower' : 'hears no majority', String(s.raft_term), String(s.raft_applied_index), contact === undefined ? '' : seconds(contact * 1000)];
      words.forEach((w, i) => text(row.children[i + 1], w));
      return row;
    }));
  }

  function groups(state) {
    const all = state.groups || [];
    $('citus').hidden = !all.length;
    const words = server => `${server.member} (${server.address})`;
    order($('groups'), all.map(g => {
      const id = 'group ' + g.number;
      const row = cards.get(id) || make('tr', {}, make('th', { scope: 'row', class: 'number' }, String(g.number)), make('td'), make('td'));
      cards.set(id, row);
      const primary = g.servers.find(s => s.primary);
      text(row.children[1], (primary ? words(primary) : 'none known') + (g.own ? ' ← this cluster' : ''));
      text(row.children[2], g.servers.filter(s => !s.primary).map(words).join(', '));
      return row;
    }));
  }

  let said = '';

  function show(state) {
    const pulses = new Map(state.pulses.map(p => [p.name, p]));
    const members = [...(state.cluster ? state.cluster.members : [])].sort((a, b) => leads(b) - leads(a) || a.name.localeCompare(b.name));
    text($('scope'), state.scope);
    text($('identity'), (state.system_identifier ? `System ${state.system_identifier}, ` : '') + ((state.groups || []).some(g => g.own) ? `Citus group ${state.groups.find(g => g.own).number}, ` : '') + `seen by ${state.me}`);
    text($('version'), `Matriarch ${state.version}.`);
    const headline = verdict(state, members, pulses);
    // Heard by screen readers: who leads and what may be lost, when one of them changes.
    const news = `${headline}. ${sentence(state.guarantee)}.`;
    if (state.guarantee && news !== said) { said = news; text($('spoken'), news); }
    notices(state, members, pulses);
    topology(state, members, pulses);
    order($('members'), members.map(m => member(state, m, pulses.get(m.name))));
    for (const name of cards.keys()) if (!name.startsWith('peer ') && !name.startsWith('group ') && !members.some(m => m.name === name)) cards.delete(name);
    events(state);
    store(pulses);
    groups(state);
    document.documentElement.dataset.shown = String(state.at);
  }

  // --- the stream ---

  let held = false;
  let latest = null;
  let heard = 0;
  let source = null;

  function connection(state, words) {
    attr($('connection'), 'data-state', state);
    text($('connection-text'), words);
  }

  function open() {
    source = new EventSource('ui/events');
    source.onmessage = message => {
      latest = JSON.parse(message.data);
      heard = Date.now();
      if (!held) { connection('live', 'Live, ' + clock(latest.at)); show(latest); }
    };
    source.onerror = () => {
      connection('lost', 'No connection to this agent, trying again');
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000); // refused: too many pages, or switched off
    };
  }

  $('hold').addEventListener('click', () => {
    held = !held;
    attr($('hold'), 'aria-pressed', held);
    text($('hold'), held ? 'Continue' : 'Pause updates');
    if (held) connection('held', latest ? 'Held at ' + clock(latest.at) : 'Held');
    else if (latest) show(latest);
  });
  setInterval(() => {
    if (!held && heard && Date.now() - heard > SILENCE) connection('lost', 'Nothing heard since ' + clock(heard));
  }, 1000);
  window.addEventListener('resize', () => { if (latest && !held) show(latest); });
  open();
})();
