// The prompts that may be suggested, and what the stand-in answers to each. Data only.

/** A stage of the conversation. */
export type Stage = 'genesis' | 'exploration' | 'synthesis' | 'advocacy';
/** What a prompt is about. */
export type Topic = 'shade' | 'water' | 'soil' | 'wildlife' | 'people';

/** One prompt of the library. Weights are 0..1; `entropy` is the range in which it fits; `baseWeight` is 0..100. */
export interface LibraryPrompt {
  id: string;
  label: string;
  answer: string;
  stages: Stage[];
  topics: Partial<Record<Topic, number>>;
  lenses: Record<string, number>;
  entropy: [number, number];
  moments?: string[];
  baseWeight: number;
}

/** The personas a person can read under; the id goes over the wire. */
export const LENSES = [
  { id: 'resident', name: 'Resident' },
  { id: 'ecologist', name: 'Ecologist' },
  { id: 'planner', name: 'City planner' },
];

/** The stages, in order. */
export const STAGES: Stage[] = ['genesis', 'exploration', 'synthesis', 'advocacy'];

/** The topics, in no order. */
export const TOPICS: Topic[] = ['shade', 'water', 'soil', 'wildlife', 'people'];

/** Every prompt. */
export const LIBRARY: LibraryPrompt[] = [
  {
    id: 'why-streets-differ',
    label: 'Why is one street cool and the next one hot?',
    answer:
      'Mostly because of what the sun lands on. A full canopy keeps the ground in shade and gives off water all afternoon, so the air under it can be several degrees cooler. A street of the same width without trees stores that heat in its asphalt and hands it back after dark.',
    stages: ['genesis'],
    topics: { shade: 1 },
    lenses: { resident: 1, planner: 0.7, ecologist: 0.6 },
    entropy: [0, 0.4],
    moments: ['first_visit'],
    baseWeight: 90,
  },
  {
    id: 'what-a-tree-drinks',
    label: 'How much water does a street tree need?',
    answer:
      'A young tree wants a slow, deep soak about once a week in its first three summers; forty to sixty litres is a fair guess. After that the roots look after themselves, unless paving keeps the rain away from them.',
    stages: ['genesis', 'exploration'],
    topics: { water: 1, soil: 0.6 },
    lenses: { resident: 0.9, ecologist: 0.7 },
    entropy: [0, 0.5],
    moments: ['first_visit'],
    baseWeight: 82,
  },
  {
    id: 'who-lives-in-an-oak',
    label: 'Who lives in a single old oak?',
    answer:
      'More than it looks from below: moths whose caterpillars feed the tits, beetles in the dead wood, bats behind loose bark, fungi that trade minerals for sugar. An old tree is less a plant than a street of its own.',
    stages: ['genesis', 'exploration'],
    topics: { wildlife: 1 },
    lenses: { ecologist: 1, resident: 0.6 },
    entropy: [0, 0.5],
    moments: ['first_visit'],
    baseWeight: 86,
  },
  {
    id: 'what-canopy-means',
    label: 'What does “thirty percent canopy” really mean?',
    answer:
      'Seen from above, leaves cover thirty parts in a hundred of the ground. It is easy to measure from the air and easy to misread: a park can lift the average while the streets around it stay bare.',
    stages: ['genesis'],
    topics: { shade: 0.8, people: 0.6 },
    lenses: { planner: 1, ecologist: 0.6 },
    entropy: [0, 0.4],
    moments: ['first_visit'],
    baseWeight: 78,
  },
  {
    id: 'soil-under-paving',
    label: 'What happens to soil under a pavement?',
    answer:
      'It is pressed until the pores close, and a root needs air as much as it needs water. Structural soil, a mix of coarse stone and loam, carries the paving on the stone and leaves the gaps to the roots.',
    stages: ['exploration'],
    topics: { soil: 1, water: 0.6 },
    lenses: { planner: 0.9, ecologist: 0.8 },
    entropy: [0.1, 0.6],
    baseWeight: 80,
  },
  {
    id: 'rain-into-roots',
    label: 'Can rain from roofs feed the trees?',
    answer:
      'Yes, and it helps the sewer as well. A planted trench takes a downpour, holds it for a day and gives it to the roots. Keep winter salt out of it, and give the water a way on when the trench is full.',
    stages: ['exploration', 'synthesis'],
    topics: { water: 1, soil: 0.7 },
    lenses: { planner: 1, resident: 0.7 },
    entropy: [0.2, 0.7],
    moments: ['deep_dive'],
    baseWeight: 84,
  },
  {
    id: 'corridors-for-birds',
    label: 'Do single trees help birds, or only woods?',
    answer:
      'Single trees help most when they stand within a short flight of one another. A chain of gardens and street trees works as a corridor; one gap of a few hundred metres can end it for the smaller species.',
    stages: ['exploration'],
    topics: { wildlife: 1, shade: 0.4 },
    lenses: { ecologist: 1, resident: 0.7 },
    entropy: [0.1, 0.7],
    baseWeight: 76,
  },
  {
    id: 'shade-and-health',
    label: 'Who suffers most where there is no shade?',
    answer:
      'People who are old, very young, ill, or working outdoors, and those in top-floor flats. Bare streets and low incomes often share a map, which makes planting a question of fairness before it is one of beauty.',
    stages: ['exploration', 'synthesis'],
    topics: { people: 1, shade: 0.8 },
    lenses: { planner: 0.9, resident: 0.9 },
    entropy: [0.2, 0.8],
    baseWeight: 88,
  },
  {
    id: 'choose-a-species',
    label: 'Which species will still stand in fifty years?',
    answer:
      'Choose for the climate that is coming, and never one kind only. A common rule is no more than ten percent of a species, twenty of a genus, thirty of a family, so that one beetle can’t take the whole street.',
    stages: ['exploration', 'synthesis'],
    topics: { wildlife: 0.6, soil: 0.7, shade: 0.7 },
    lenses: { ecologist: 0.9, planner: 0.8 },
    entropy: [0.2, 0.8],
    baseWeight: 81,
  },
  {
    id: 'water-or-shade-first',
    label: 'If we can do one thing only: water or shade?',
    answer:
      'They are one thing seen twice. A tree without water gives little shade, and water without a tree runs away. Begin where a downpipe and a bare pavement meet.',
    stages: ['synthesis'],
    topics: { water: 0.9, shade: 0.9 },
    lenses: { planner: 0.9, resident: 0.8 },
    entropy: [0.4, 1],
    moments: ['high_entropy'],
    baseWeight: 79,
  },
  {
    id: 'map-of-all-this',
    label: 'How do heat, soil and people fit on one map?',
    answer:
      'Lay three sheets over each other: surface temperature, soil that can still be opened, and where the most vulnerable live. Where all three are dark, plant first. It is crude, and it is better than planting where it is easiest.',
    stages: ['synthesis'],
    topics: { shade: 0.8, soil: 0.8, people: 0.8 },
    lenses: { planner: 1, ecologist: 0.7 },
    entropy: [0.5, 1],
    moments: ['high_entropy'],
    baseWeight: 92,
  },
  {
    id: 'what-trees-cost',
    label: 'What does a tree cost over its whole life?',
    answer:
      'Planting is the small part. Watering, pruning and the pit make up most of it, and the first three years decide whether any of it was worth it. Budget for care before you budget for numbers.',
    stages: ['synthesis', 'advocacy'],
    topics: { people: 0.8, soil: 0.5 },
    lenses: { planner: 1, resident: 0.6 },
    entropy: [0.3, 0.9],
    baseWeight: 77,
  },
  {
    id: 'dead-wood',
    label: 'Should a dying tree be felled or kept?',
    answer:
      'Keep what is safe to keep. A trunk cut back to four metres threatens nobody and houses more life than the healthy tree did. Leave a sign on it, so that people know it was meant.',
    stages: ['synthesis', 'exploration'],
    topics: { wildlife: 1, people: 0.4 },
    lenses: { ecologist: 1, resident: 0.6 },
    entropy: [0.2, 0.8],
    moments: ['deep_dive'],
    baseWeight: 74,
  },
  {
    id: 'convince-the-neighbours',
    label: 'How do I win over neighbours who fear for parking?',
    answer:
      'Start with a chair, not with a petition: put one in the shade and one in the sun on a hot day, and ask people to choose. Then show that one space in eight is enough for a continuous canopy.',
    stages: ['advocacy', 'synthesis'],
    topics: { people: 1, shade: 0.7 },
    lenses: { resident: 1, planner: 0.7 },
    entropy: [0.2, 1],
    baseWeight: 89,
  },
  {
    id: 'first-hundred-days',
    label: 'What would the first hundred days look like?',
    answer:
      'Thirty days to walk the streets and mark the sites; thirty to find who will water which tree; forty to open the ground and order stock for autumn. Nothing is planted yet, and the hard part is done.',
    stages: ['advocacy'],
    topics: { people: 0.9, soil: 0.6, water: 0.5 },
    lenses: { planner: 1, resident: 0.8 },
    entropy: [0.3, 1],
    baseWeight: 85,
  },
  {
    id: 'one-page-for-council',
    label: 'What belongs on the one page for the council?',
    answer:
      'One map, one number and one name: where it is hottest, how many people live there, and who answers for it. Everything else belongs in the annex that nobody will read, and it had better be right.',
    stages: ['advocacy'],
    topics: { people: 1, shade: 0.5 },
    lenses: { planner: 1, resident: 0.7 },
    entropy: [0.2, 1],
    moments: ['high_entropy'],
    baseWeight: 91,
  },
  {
    id: 'adopt-a-tree',
    label: 'Does “adopt a tree” work after the first summer?',
    answer:
      'It does where the adopter passes the tree every day, and fades where the tree is a certificate. Give each tree a name plate, a tap within forty metres and a neighbour who knows who is away.',
    stages: ['advocacy', 'exploration'],
    topics: { water: 0.7, people: 0.9 },
    lenses: { resident: 1 },
    entropy: [0.1, 0.9],
    baseWeight: 83,
  },
  {
    id: 'living-soil',
    label: 'How do you bring dead soil back to life?',
    answer:
      'Open it, feed it, and then leave it alone. Compost and wood chips bring the worms, the worms make the pores, and the pores bring air. A season later a spade goes in by its own weight.',
    stages: ['exploration', 'synthesis'],
    topics: { soil: 1, wildlife: 0.7 },
    lenses: { ecologist: 1, resident: 0.7 },
    entropy: [0.1, 0.8],
    moments: ['deep_dive'],
    baseWeight: 80,
  },
];
