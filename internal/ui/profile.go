package ui

import "slices"

// maxName is the longest name of a person, in characters.
const maxName = 200

// Profile lets people change what is said of them. Form fields: FieldName, FieldGivenName,
// FieldFamilyName, FieldLocale.
type Profile struct {
	Frame
	Form                                Form
	Person                              Person   // as stored
	Name, GivenName, FamilyName, Locale string   // what the fields hold
	Problems                            []string // the names of the fields that break a rule
	Synced                              []string // the names of the providers that fill in what is left as it is
	BackURL                             string   // the account page
}

func (p Profile) describe(t *Text) (meta, error) {
	return meta{
		template: "profile", title: t.Profile.Title, frame: p.Frame,
		failed: len(p.Problems) > 0, forms: true, formTarget: p.FormTargets, ownWindow: true,
	}, nil
}

// ProfileField is one line of text to type.
type ProfileField struct {
	Name, Label, Value, Autocomplete string
	Bad, First                       bool
}

// Fields are the names, in the order of the page.
func (p Profile) Fields(t *Text) []ProfileField {
	fields := []ProfileField{
		{Name: FieldName, Label: t.Profile.Name, Value: p.Name, Autocomplete: "name"},
		{Name: FieldGivenName, Label: t.Profile.GivenName, Value: p.GivenName, Autocomplete: "given-name"},
		{Name: FieldFamilyName, Label: t.Profile.FamilyName, Value: p.FamilyName, Autocomplete: "family-name"},
	}
	for i := range fields {
		fields[i].Bad = p.Blames(fields[i].Name)
	}
	fields[0].First = len(p.Problems) == 0
	return fields
}

// Blames reports whether a field breaks a rule.
func (p Profile) Blames(field string) bool { return slices.Contains(p.Problems, field) }

// Language is one to choose, by its own name.
type Language struct{ Tag, Name string }

// Languages are those to choose from, and the one that was chosen before.
func (p Profile) Languages() []Language {
	known := languages()
	if p.Locale != "" && !p.Blames(FieldLocale) && !slices.ContainsFunc(known, func(l Language) bool { return l.Tag == p.Locale }) {
		known = append([]Language{{p.Locale, p.Locale}}, known...)
	}
	return known
}

// languages are the more widely spoken ones, as their speakers call them. An account may have any
// other: this is what is offered to people, and no rule.
func languages() []Language {
	return []Language{
		{"id", "Bahasa Indonesia"}, {"ms", "Bahasa Melayu"}, {"ca", "Català"}, {"cs", "Čeština"}, {"da", "Dansk"},
		{"de", "Deutsch"}, {"et", "Eesti"}, {"en", "English"}, {"en-GB", "English (United Kingdom)"}, {"en-US", "English (United States)"},
		{"es", "Español"}, {"eu", "Euskara"}, {"fil", "Filipino"}, {"fr", "Français"}, {"ga", "Gaeilge"}, {"gl", "Galego"},
		{"hr", "Hrvatski"}, {"is", "Íslenska"}, {"it", "Italiano"}, {"sw", "Kiswahili"}, {"lv", "Latviešu"}, {"lt", "Lietuvių"},
		{"hu", "Magyar"}, {"nl", "Nederlands"}, {"nb", "Norsk bokmål"}, {"pl", "Polski"}, {"pt", "Português"},
		{"pt-BR", "Português (Brasil)"}, {"ro", "Română"}, {"sq", "Shqip"}, {"sk", "Slovenčina"}, {"sl", "Slovenščina"},
		{"fi", "Suomi"}, {"sv", "Svenska"}, {"vi", "Tiếng Việt"}, {"tr", "Türkçe"}, {"el", "Ελληνικά"}, {"bg", "Български"},
		{"kk", "Қазақша"}, {"mk", "Македонски"}, {"ru", "Русский"}, {"sr", "Српски"}, {"uk", "Українська"}, {"ka", "ქართული"},
		{"hy", "Հայերեն"}, {"he", "עברית"}, {"ur", "اردو"}, {"ar", "العربية"}, {"fa", "فارسی"}, {"mr", "मराठी"}, {"hi", "हिन्दी"},
		{"bn", "বাংলা"}, {"ta", "தமிழ்"}, {"te", "తెలుగు"}, {"th", "ไทย"}, {"ko", "한국어"}, {"ja", "日本語"},
		{"zh-Hans", "简体中文"}, {"zh-Hant", "繁體中文"},
	}
}
