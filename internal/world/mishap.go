package main

// mishap is what happens to the state file, and to the worker between two cycles.
func (w *world) mishap(t throw) {
	d := w.disk
	switch {
	case t.chance(0.1):
		w.start()
	case t.chance(0.05):
		w.edit(w.pause(t))
	case w.loss == keptSafe || d.unseen || d.file.older != "" || d.file.backup:
	case t.chance(0.25):
		w.locked(func() { d.copy(w.loss == losable && t.chance(0.3)) })
	case !t.chance(0.3):
	case w.loss == losable:
		w.lose(t)
	case len(d.copies) > 0 && w.oracle.harmless(d.copies[len(d.copies)-1]):
		w.sleep(w.timeout + 2*w.settle)
		w.locked(func() {
			kept := d.copies[len(d.copies)-1]
			w.say("disk", "generation %d comes back, with the one beside it", kept.generation)
			d.lost()
			d.putBack(kept)
			d.stands(kept.day)
		})
		w.start()
	}
}

// lose deletes the state file, or puts an older copy in its place, so that it shows.
func (w *world) lose(t throw) {
	d := w.disk
	back := len(d.copies) > 0 && t.chance(0.6)
	bare := !back && w.proves() && t.chance(0.4) // the generation is lost with it
	if bare {
		w.sleep(w.timeout + 2*w.settle)
	}
	w.locked(func() {
		d.lost()
		switch {
		case bare:
			w.say("disk", "the file and its generation are deleted")
			d.file, d.beside = nil, beside{}
		case back:
			kept := d.copies[t.IntN(len(d.copies))]
			w.say("disk", "generation %d comes back", kept.generation)
			d.putBack(kept)
			switch t.IntN(3) {
			case 0:
				d.stands(beside{})
			case 1:
				d.file.older = "an operator says so"
				d.stands(kept.day)
			}
			if d.beside.generation == 0 && d.file.generation == 0 {
				d.file.older = "an operator says so"
				d.stands(d.beside) // it is counted anew from here
			}
		default:
			w.say("disk", "the file is deleted")
			d.file = nil
		}
	})
	w.start()
}

// lost keeps what is there now for a rescue.
func (d *disk) lost() {
	d.newest, d.unseen = d.file, true
	d.newest.day = d.beside
	d.w.oracle.loses()
}

// rescue puts the newest file back, as a refusal asks for.
func (w *world) rescue() {
	w.locked(func() {
		if w.disk.newest == nil {
			return
		}
		w.say("disk", "the newest file is put back")
		clear(w.oracle.held)
		w.disk.file = w.disk.newest
		w.disk.stands(w.disk.newest.day)
	})
}
